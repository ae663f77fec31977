//! The pictures of the documentation, which are only taken when `MC_SCREENSHOTS` is `1`.

use std::{env, fs, path::Path};

use crate::{
    browser::{Browser, with},
    server::Server,
    views::PAGES,
};

/// The most bytes of a picture.
const MAX_BYTES: usize = 180_000;

/// Name, address, width and height.
const PICTURES: [(&str, &str, u32, u32); 5] = [
    ("board", "/", 1440, 680),
    ("phone", "/", 390, 780),
    ("task", "/tasks/{task}", 1280, 800),
    ("approvals", "/approvals", 1280, 800),
    ("costs", "/costs", 1280, 800),
];

async fn picture(browser: &Browser, name: &str, width: u32, height: u32) {
    browser.resize(width, height);
    browser.until(&format!("innerWidth === {width} && document.readyState === 'complete'")).await;
    let png = browser.client.screenshot().await.unwrap();
    assert!(png.len() <= MAX_BYTES, "{name} has {} bytes", png.len());
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/screenshots");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(format!("{name}.png")), png).unwrap();
}

fn are_wanted() -> bool {
    env::var("MC_SCREENSHOTS").as_deref() == Ok("1")
}

#[test]
fn pictures_of_the_pages() {
    if !are_wanted() {
        return;
    }
    with(Server::lived_in(), async |server, browser| {
        browser.prefer("light");
        browser.log_in(server).await;
        for (name, address, width, height) in PICTURES {
            let Some(view) = PAGES.iter().find(|view| view.address == address) else { continue };
            browser.goto(&view.at(server)).await;
            picture(browser, name, width, height).await;
        }
    });
}

#[test]
fn a_picture_of_the_login() {
    if !are_wanted() {
        return;
    }
    with(Server::closed(), async |_, browser| {
        browser.prefer("light");
        browser.goto("/login").await;
        picture(browser, "login", 640, 400).await;
    });
}
