//! What must hold after every fault.

mod history;
mod races;
mod repeats;
mod views;

pub use self::{
    history::History,
    races::{claims, purses},
    repeats::repeats,
    views::views,
};
