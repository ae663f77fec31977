//! What is done with a run.

mod bill_run;
mod complete_run;
mod record_tool_call;
mod start_run;
mod time_out_run;

pub use complete_run::{CompleteRun, complete_run};
pub use record_tool_call::{UseTool, record_tool_call};
pub use start_run::{StartRun, start_run};
pub use time_out_run::time_out_run;
