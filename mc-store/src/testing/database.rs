//! A database for one test.

use std::thread;

use super::sql::execute;

/// A database of a [`Postgres`](super::Postgres). Dropping it removes it from the server soon after, with whoever is connected.
#[derive(Debug)]
pub struct Database {
    pub(super) name: String,
    pub(super) url: String,
    /// The address of the database from which this one is dropped.
    pub(super) first: String,
}

impl Database {
    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, of a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address for another user, who needs no password.
    pub fn url_of(&self, user: &str) -> String {
        self.url.replacen("postgres@", &format!("{user}@"), 1)
    }

    /// Executes statements in it, as a superuser.
    ///
    /// # Panics
    /// When the server does not answer, or refuses a statement.
    pub fn execute(&self, statements: &str) {
        execute(&self.url, statements).expect("the server executes the statements");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (first, name) = (std::mem::take(&mut self.first), std::mem::take(&mut self.name));
        // The server may be gone, and then the database is too.
        thread::spawn(move || execute(&first, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
    }
}
