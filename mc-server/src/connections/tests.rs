use super::*;

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    Limits { connections: 3, per_peer: 2, head: second, body: second, idle: second, write: second }
}

fn connections() -> Arc<Connections> {
    Connections::new(limits(), CancellationToken::new())
}

fn peer(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 50_000)
}

#[tokio::test]
async fn one_peer_does_not_get_all_places() {
    let connections = connections();
    let places: Vec<_> = (0..2).map(|_| connections.admit(peer("10.0.0.1")).unwrap()).collect();
    places.iter().for_each(|place| place.line.begin(Instant::now(), false));
    assert_eq!(connections.admit(peer("10.0.0.1")).err(), Some(Full::Peer));
    assert_eq!(connections.admit(peer("::ffff:10.0.0.1")).err(), Some(Full::Peer));
    let other = connections.admit(peer("10.0.0.2")).unwrap();
    other.line.begin(Instant::now(), false);
    assert_eq!(connections.admit(peer("10.0.0.3")).err(), Some(Full::Server));
    drop(other);
    assert!(connections.admit(peer("10.0.0.3")).is_ok());
}

#[tokio::test]
async fn an_ipv6_network_is_one_peer() {
    let connections = connections();
    let places = ["2001:db8::1", "2001:db8::2"].map(|address| connections.admit(peer(address)).unwrap());
    places.iter().for_each(|place| place.line.begin(Instant::now(), false));
    assert_eq!(connections.admit(peer("2001:db8::3")).err(), Some(Full::Peer));
    assert!(connections.admit(peer("2001:db8:0:1::1")).is_ok());
}

#[tokio::test]
async fn everybody_on_loopback_shares_all_places() {
    let connections = connections();
    let places: Vec<_> = (0..3).map(|_| connections.admit(peer("127.0.0.1")).unwrap()).collect();
    places.iter().for_each(|place| place.line.begin(Instant::now(), false));
    assert_eq!(connections.admit(peer("127.0.0.1")).err(), Some(Full::Server));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_longest_for_its_client_makes_room() {
    let connections = connections();
    let later = || tokio::time::advance(Duration::from_millis(10));
    let working = connections.admit(peer("127.0.0.1")).unwrap();
    working.line.begin(Instant::now(), false);
    later().await;
    let half_a_body = connections.admit(peer("127.0.0.1")).unwrap();
    half_a_body.line.begin(Instant::now(), true);
    later().await;
    let fresh = connections.admit(peer("127.0.0.1")).unwrap();
    later().await;
    let _next = connections.admit(peer("127.0.0.1")).unwrap();
    let made_room = [&working, &half_a_body, &fresh].map(|place| place.line.makes_room());
    assert_eq!(made_room, [false, true, false]);
    later().await;
    let _next = connections.admit(peer("127.0.0.1")).unwrap();
    assert!(fresh.line.makes_room() && !working.line.makes_room());
}

#[tokio::test]
async fn places_of_connections_that_end_are_free_again() {
    let connections = connections();
    for _ in 0..10 {
        let place = connections.admit(peer("10.0.0.1")).unwrap();
        place.line.begin(Instant::now(), false);
    }
    let open = connections.open();
    assert!(open.lines.is_empty() && open.by_peer.is_empty() && open.leaving == 0);
}

#[tokio::test(start_paused = true)]
async fn a_line_is_due_by_what_it_waits_for() {
    let long = Limits {
        head: Duration::from_secs(15),
        idle: Duration::from_secs(120),
        write: Duration::from_secs(30),
        ..limits()
    };
    let begun = Instant::now();
    let connections = Connections::new(long, CancellationToken::new());
    let place = connections.admit(peer("127.0.0.1")).unwrap();
    let line = &place.line;
    let due = || line.deadline(&long).map(|at| at - begun);
    assert_eq!(due(), Some(long.head));
    tokio::time::advance(Duration::from_secs(5)).await;
    line.arrived(Instant::now());
    line.arrived(Instant::now() + Duration::from_secs(1));
    assert_eq!(due(), Some(Duration::from_secs(20)), "counted from the first byte");
    line.begin(Instant::now(), false);
    assert_eq!(due(), None);
    line.blocked(Instant::now());
    line.took(1_000);
    assert_eq!(due(), Some(Duration::from_secs(35)), "a little is nothing");
    line.took(16 * 1024);
    assert_eq!(due(), None);
    line.answered();
    line.flushed(Instant::now());
    assert_eq!(due(), Some(Duration::from_secs(125)));
    line.drain(Instant::now());
    assert_eq!(due(), Some(Duration::from_secs(5)));
}
