//! The `waymark` command.

fn main() -> std::process::ExitCode {
    waymark_api::cli::main()
}
