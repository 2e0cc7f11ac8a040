//! The program: what a user can type.

#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod output;

mod attribution;
mod backtest;
mod check;
mod client;
mod dataset;
mod decisions;
mod demo;
mod digest;
mod eval;
mod eval_expr;
mod explain;
mod export;
mod import;
mod node;
mod policy;
mod replay;
mod review;
mod schema;
mod serve;
mod spec;
mod table;
mod tenants;
mod tokens;
mod watch;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Millrace: a real-time recommendation and decision engine whose every answer can be replayed
///
/// Events go into one durable log; features, indexes and recommendations are functions of that log. Start with
/// `millrace demo`, then `millrace check my.yaml` and `millrace serve --spec my.yaml --dir data`.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Check(check::Check),
    Eval(eval::Eval),
    EvalExpr(eval_expr::EvalExpr),
    Schema(schema::Schema),
    Import(import::Import),
    Export(export::Exports),
    Digest(digest::Digest),
    #[command(subcommand)]
    Policy(policy::Policy),
    Backtest(backtest::Backtest),
    #[command(subcommand)]
    Decisions(decisions::Decisions),
    #[command(subcommand)]
    Review(review::Review),
    #[command(subcommand)]
    Spec(spec::Spec),
    Replay(replay::Replay),
    Explain(explain::Explain),
    Attribution(attribution::Attribution),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(demo) => demo.run(),
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Eval(eval) => eval.run(),
        Command::EvalExpr(eval) => eval.run(),
        Command::Schema(schema) => schema.run(),
        Command::Import(import) => import.run(),
        Command::Export(export) => export.run(),
        Command::Digest(digest) => digest.run(),
        Command::Policy(policy) => policy.run(),
        Command::Backtest(backtest) => backtest.run(),
        Command::Decisions(decisions) => decisions.run(),
        Command::Review(review) => review.run(),
        Command::Spec(spec) => spec.run(),
        Command::Replay(replay) => replay.run(),
        Command::Explain(explain) => explain.run(),
        Command::Attribution(attribution) => attribution.run(),
    };
    match result {
        Ok(()) if output::succeeded() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            complain!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
