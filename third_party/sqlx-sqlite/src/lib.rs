compile_error!("this is an empty stand-in: use rusqlite for SQLite, or remove the patch of sqlx-sqlite in the workspace");
