//! The workshop of Pierhead: every chore of the repository is `cargo xtask VERB`.

mod bench;
mod ci;
mod environment;
mod floors;
mod interop;
mod process;
#[cfg(test)]
mod promises;
mod setup;
mod test;
mod torture;
mod verb;

use std::process::ExitCode;

use verb::Verb;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match arguments.next() {
        Some(first) if !matches!(first.as_str(), "help" | "--help" | "-h") => {
            run(&first, &arguments.collect::<Vec<_>>())
        }
        _ => {
            print!("{}", verb::help());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let verb = Verb::parse(name)?;
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        print!("{}", verb.help());
        return Ok(());
    }
    match verb {
        Verb::Bench => bench::run(&bench::Options::parse(arguments)?),
        Verb::Ci => verb.refuse_arguments(arguments).and_then(|()| ci::run()),
        Verb::Floors => verb
            .refuse_arguments(arguments)
            .and_then(|()| floors::run()),
        Verb::Interop => interop::run(arguments),
        Verb::Setup => setup::run(&setup::Options::parse(arguments)?),
        Verb::Test => test::run(&test::Options::parse(arguments)?),
        Verb::Torture => torture::run(arguments),
    }
}
