compile_error!("this is an empty stand-in: remove the patch of sqlx-mysql in the workspace to use MySQL");
