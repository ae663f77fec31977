//! What is done with a notification.

mod fail_notification;

pub use fail_notification::fail_notification;
