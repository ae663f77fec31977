//! x

pub mod dollars;
