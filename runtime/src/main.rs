//! The `sandgate` command. Everything is in the library, so that tests and embedders have it too.

fn main() -> std::process::ExitCode {
    sandgate::cli::main()
}
