//! What must hold after every fault.

mod history;
mod notices;
mod races;
mod repeats;
mod views;

pub use self::{
    history::History,
    notices::notices,
    races::{claims, purses},
    repeats::repeats,
    views::views,
};
