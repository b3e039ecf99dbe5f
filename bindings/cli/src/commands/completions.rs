//! `prism completions`: scripts that teach a shell our words.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Outcome;
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism completions bash > ~/.local/share/bash-completion/completions/prism
  prism completions zsh > \"${fpath[1]}/_prism\"
  prism completions fish > ~/.config/fish/completions/prism.fish";

/// The arguments of `prism completions`.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell to write for
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "prism", &mut script);
        Printer::raw(&script)
    }
}
