//! The page of notifications: what agents were told, and the form that marks it as read.

use mc_domain::credential::Bearer;

use crate::{
    app::{App, Key},
    matrix::notify,
    page_approvals::{SCRIPT, harmless, submit},
};

struct World {
    app: App,
    scout: String,
    echo: String,
    ada: Key,
    notification: String,
}

/// A server on which Scout was told something.
async fn world(mark: &str) -> World {
    let app = App::new().await;
    let (scout, echo) = (app.agent("Scout").await, app.agent("Echo").await);
    app.foreign_agent("Nova").await;
    let ada = app.operator("Ada", &[]).await;
    let project = app.get(format!("/api/agents/{scout}")).by(&ada).await.expect(200);
    let project = project["projectId"].as_str().unwrap().to_owned();
    let notification = notify(&app, &project, &scout, mark).await;
    World { app, scout, echo, ada, notification }
}

impl World {
    async fn page(&self, by: &Key, address: &str) -> String {
        self.app.get(address).by(by).await.expect(200).text
    }
}

#[tokio::test]
async fn a_notification_is_listed_filtered_and_marked_as_read() {
    let world = world("today").await;
    let address = format!("/notifications/{}/read", world.notification);
    let page = world.page(&world.ada, "/notifications").await;
    for part in ["You were named today", "Scout", "mention", &address] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    let of = |agent: &str| format!("/notifications?agentId={agent}&unread=true");
    assert!(world.page(&world.ada, &of(&world.scout)).await.contains(&address));
    let of_echo = world.page(&world.ada, &of(&world.echo)).await;
    assert!(!of_echo.contains(&address) && of_echo.contains("Nobody was told"), "{of_echo}");
    assert!(of_echo.contains(&format!("<option value=\"{}\" selected>Echo", world.echo)), "{of_echo}");

    let done = submit(&world.app, &world.ada, &address, &[]).await.expect(303);
    assert_eq!(
        done.recorded(&["notification.read"]).header("location"),
        "/notifications?done=The+notification+is+read"
    );
    let page = world.page(&world.ada, "/notifications").await;
    assert!(page.contains("You were named today") && !page.contains(&address), "{page}");
}

#[tokio::test]
async fn who_may_not_mark_one_as_read_is_offered_no_form() {
    let world = world(SCRIPT).await;
    let address = format!("/notifications/{}/read", world.notification);
    harmless(&world.app.get("/notifications").by(&world.ada).await.expect(200));
    harmless(&world.app.get(&address).by(&world.ada).await.expect(200));
    let olga = world.app.issue("Olga", Bearer::Auditor, &[], None).await;
    let (by_scout, by_echo) =
        (world.app.credential_of(&world.scout).await, world.app.credential_of(&world.echo).await);
    for (reader, may_read) in [(&olga, false), (&by_echo, false), (&by_scout, true)] {
        let page = world.page(reader, "/notifications").await;
        assert_eq!((page.contains("You were named"), page.contains(&address)), (true, may_read), "{page}");
    }
    submit(&world.app, &world.ada, &address, &[]).await.expect(303);
    let eve = world.app.operator("Eve", &["elsewhere"]).await;
    assert!(!world.page(&eve, "/notifications").await.contains("You were named"));
    world.app.get(&address).by(&eve).await.expect(404);
}
