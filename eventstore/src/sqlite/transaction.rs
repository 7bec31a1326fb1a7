//! The writing task's transactions, begun and ended by statements on a connection of its own.
//!
//! SQLite rolls back by itself when the disk is full or fails, and the driver's own transactions do not notice.

use sqlx::SqliteConnection;

use super::failure::Failure;

/// Takes the write lock.
pub(super) async fn begin(connection: &mut SqliteConnection) -> Result<(), Failure> {
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(connection).await?;
    Ok(())
}

/// Puts what was written on disk. A full disk is known to have taken nothing: the frame that would have made the
/// transaction whole is the last to be written, before anything waits for the disk. Any other failure leaves that unknown.
pub(super) async fn commit(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let failure = match sqlx::raw_sql("COMMIT").execute(&mut *connection).await.map_err(Failure::from) {
        Ok(_) => return Ok(()),
        Err(full @ Failure::Full(_)) => full,
        Err(Failure::Unchanged(error)) => Failure::Unknown(error.to_string()),
        Err(Failure::Busy(what) | Failure::Unknown(what)) => Failure::Unknown(what),
    };
    Err(undone(connection, failure).await)
}

/// Rolls back what failed; where SQLite has done so by itself, a transaction is begun for it to roll back.
pub(super) async fn undone(connection: &mut SqliteConnection, failure: Failure) -> Failure {
    match rollback(connection).await {
        Ok(()) => failure,
        Err(error) => Failure::Unknown(format!("{failure:?}, and then rolling back failed: {error}")),
    }
}

/// Ends the transaction that is open, if one is.
pub(super) async fn rollback(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_ok() {
        return Ok(());
    }
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map(drop)
}
