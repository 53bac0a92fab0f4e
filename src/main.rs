//! The command line's entry: argv in, exit code out.

fn main() -> std::process::ExitCode {
    earmark::cli::main()
}
