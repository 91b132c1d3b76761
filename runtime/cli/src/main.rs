//! The `sandgate` command. All of it is in the library beside this file, so that tests have it too.

fn main() -> std::process::ExitCode {
    sandgate_cli::main()
}
