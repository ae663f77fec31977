//! A browser at a server, and what an operator does with it.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::{driver::Driver, server::Server};

/// How long a condition may take to come true, unless a test says otherwise.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a whole test may take.
const WHOLE_TEST: Duration = Duration::from_secs(300);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(25);

pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';
pub const SHIFT: char = '\u{e008}';
pub const SPACE: char = ' ';
pub const ESCAPE: char = '\u{e00c}';

/// Runs a test with a server and a browser, and looks afterwards at what the browser complained of and where it went.
pub fn with(mut server: Server, test: impl AsyncFnOnce(&mut Server, &Browser)) {
    let Some(driver) = Driver::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let whole = runtime.block_on(async {
        tokio::time::timeout(WHOLE_TEST, async {
            let browser = Browser::at(&server, driver).await;
            test(&mut server, &browser).await;
            browser.assert_clean();
            browser
        })
        .await
    });
    // The browser ends before its server, which would be missed.
    drop(whole.unwrap());
}

/// A browser at the pages of a server.
pub struct Browser {
    pub client: Client,
    session: String,
    driver: Driver,
    address: String,
    /// Parts of complaints that the test provokes.
    tolerated: RefCell<Vec<&'static str>>,
}

impl Browser {
    /// Another browser, of somebody else.
    pub async fn another(server: &Server) -> Self {
        Self::at(server, Driver::start().unwrap()).await
    }

    async fn at(server: &Server, driver: Driver) -> Self {
        let webdriver = format!("http://{}", driver.address);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(driver.capabilities())
            .connect(&webdriver)
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        Self { client, session, driver, address: server.address.clone(), tolerated: RefCell::default() }
    }

    /// Opens a page of the server, and waits until it is seen: before that a browser lets no key and no pointer reach it.
    pub async fn goto(&self, path: &str) {
        self.client.goto(&format!("http://{}{path}", self.address)).await.unwrap();
        self.until("document.readyState === 'complete' && performance.getEntriesByType('paint').length > 0")
            .await;
    }

    /// Shows the operator's credential, and goes on to the board.
    pub async fn log_in(&self, server: &Server) {
        self.goto("/login").await;
        self.type_into("#credential", &server.secret).await;
        self.click("button[type=submit]").await;
        self.until("location.pathname === '/'").await;
    }

    /// The path of the page with its parameters.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The value of a JavaScript expression in the page.
    pub async fn eval(&self, expression: &str) -> Value {
        self.client.execute(&format!("return ({expression});"), vec![]).await.unwrap()
    }

    /// Waits until a JavaScript expression is true of the page.
    pub async fn until(&self, expression: &str) {
        self.until_within(PATIENCE, expression).await;
    }

    /// The same, with a limit that is part of what is promised.
    pub async fn until_within(&self, patience: Duration, expression: &str) {
        let begun = Instant::now();
        loop {
            // A page that is being left does not answer.
            let value = self.client.execute(&format!("return Boolean({expression});"), vec![]).await;
            if matches!(value, Ok(Value::Bool(true))) {
                return;
            }
            if begun.elapsed() > patience {
                let page = self.client.execute("return document.body.innerText;", vec![]).await;
                panic!("not within {patience:?}: {expression}\n{value:?}\n{}", page.unwrap_or_default());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the page has such an element, and something in it is that text.
    pub async fn until_text(&self, css: &str, text: &str) {
        let (css, text) = (json!(css), json!(text));
        self.until(&format!(
            "[...document.querySelectorAll({css})].some((e) => e.innerText.includes({text}))"
        ))
        .await;
    }

    pub async fn find(&self, css: &str) -> Element {
        self.client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await
            .unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Clicks as a pointer does: what is covered, or not there to see, cannot be clicked.
    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Follows a link to another page, by a click, and waits until that is seen.
    pub async fn follow(&self, css: &str) {
        self.eval("(window.isLeft = true, 1)").await;
        self.click(css).await;
        self.until_new().await;
    }

    /// Goes to a page of the navigation, by a click.
    pub async fn go(&self, address: &str) {
        self.follow(&format!("nav.places a[href='{address}'], nav.places a[href^='{address}?']")).await;
    }

    /// Waits until the page that was marked as left is gone, and the next one is seen.
    pub async fn until_new(&self) {
        self.until(
            "!window.isLeft && document.readyState === 'complete' && performance.getEntriesByType('paint').length > 0",
        )
        .await;
    }

    /// Opens the form behind a link over the page, by a click, and waits until it has that title.
    pub async fn open(&self, css: &str, title: &str) {
        self.click(css).await;
        let title = json!(title);
        self.until(&format!(
            "document.querySelector('#dialog').open && \
             document.querySelector('#dialog #form-title')?.textContent.includes({title})"
        ))
        .await;
    }

    /// Sends the form over the page, by a click, and waits until it is done.
    pub async fn send(&self) {
        self.click("#dialog button[type=submit]").await;
        self.until("!document.querySelector('dialog[open]')").await;
    }

    /// Chooses in a list.
    pub async fn choose(&self, css: &str, value: &str) {
        self.find(css).await.select_by_value(value).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Puts a text where another one is.
    pub async fn retype(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn type_into(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap();
    }

    /// Presses keys one after another, wherever the focus is.
    pub async fn press(&self, keys: &[char]) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for &value in keys {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses a key while another one is down.
    pub async fn press_with(&self, held: char, value: char) {
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value })
            .then(KeyAction::Up { value: held });
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Drags from the middle of one element to the middle of another.
    pub async fn drag(&self, from: &str, to: &str) {
        let (from, to) = (self.find(from).await, self.find(to).await);
        let duration = Some(Duration::from_millis(200));
        let down = PointerAction::Down { button: MOUSE_BUTTON_LEFT };
        let actions = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: from, duration: None, x: 0.0, y: 0.0 })
            .then(down)
            .then(PointerAction::MoveBy { duration, x: 12.0, y: 0.0 })
            .then(PointerAction::MoveToElement { element: to.clone(), duration, x: 0.0, y: 0.0 })
            .then(PointerAction::MoveToElement { element: to, duration, x: 0.0, y: 4.0 })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Clicks twice, as fast as a hand that is in a hurry and faster.
    pub async fn click_twice(&self, css: &str) {
        let element = self.find(css).await;
        self.eval(&format!(
            "(document.querySelector({}).scrollIntoView({{ block: 'center' }}), 1)",
            json!(css)
        ))
        .await;
        let mut actions = MouseActions::new("mouse".to_owned()).then(PointerAction::MoveToElement {
            element,
            duration: None,
            x: 0.0,
            y: 0.0,
        });
        for _ in 0..2 {
            actions = actions
                .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
                .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Gives the page a size in CSS pixels, smaller than a window can be.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.driver.devtools(&self.session, "Emulation.setDeviceMetricsOverride", &size);
    }

    /// Prefers `light` or `dark`, as a reader's system does.
    pub fn prefer(&self, scheme: &str) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.driver.devtools(&self.session, "Emulation.setEmulatedMedia", &media);
    }

    /// The test provokes complaints with that in them.
    pub fn tolerate(&self, part: &'static str) {
        self.tolerated.borrow_mut().push(part);
    }

    /// The console has no error that the test did not provoke, and nobody else was asked for anything.
    #[track_caller]
    pub fn assert_clean(&self) {
        let tolerated = self.tolerated.borrow();
        let complaints: Vec<_> = self
            .driver
            .log(&self.session, "browser")
            .into_iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .filter(|message| !tolerated.iter().any(|part| message.contains(part)))
            .collect();
        assert_eq!(complaints, Vec::<String>::new(), "the console");
        let asked = self.asked();
        let own = format!("http://{}/", self.address);
        assert!(asked.iter().any(|url| url.starts_with(&own)), "no request was logged");
        let others: Vec<_> = asked.iter().filter(|url| !url.starts_with(&own)).collect();
        assert_eq!(others, Vec::<&String>::new(), "somebody else was asked");
    }

    /// The addresses on the network that were asked for since the last look.
    fn asked(&self) -> Vec<String> {
        let network =
            |url: &String| ["http:", "https:", "ws:", "wss:"].iter().any(|scheme| url.starts_with(scheme));
        let entries = self.driver.log(&self.session, "performance").into_iter();
        let messages =
            entries.filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        let urls = messages.filter_map(|message| {
            let message = &message["message"];
            let url = match message["method"].as_str()? {
                "Network.requestWillBeSent" => &message["params"]["request"]["url"],
                "Network.webSocketCreated" => &message["params"]["url"],
                _ => return None,
            };
            url.as_str().map(str::to_owned)
        });
        urls.filter(network).collect()
    }
}
