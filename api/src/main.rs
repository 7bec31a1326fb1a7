//! The `waymark` command.

/// Commands and folds make and drop many small strings, on whichever thread is free: this allocator gains a quarter of
/// the processor's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    waymark_api::cli::main()
}
