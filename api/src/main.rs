//! The `waymark` command.

/// Commands, log entries and rows are many short-lived pieces of memory, made on one thread and freed on another: the
/// system's allocator took a seventh of the service's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    waymark_api::cli::main()
}
