//! Files of bearer tokens: `role token` a line.

use anyhow::{Context, Result, bail};
use server::{Role, Token};
use std::path::Path;

/// Reads a file of tokens; one without any is a mistake. Secrets are in no message.
pub(crate) fn read(path: &Path) -> Result<Vec<Token>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading the tokens {}", path.display()))?;
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        tokens.push(token(line).with_context(|| format!("{} line {}", path.display(), number + 1))?);
    }
    if tokens.is_empty() {
        bail!("{} has no tokens; write `admin SECRET`, a line for each", path.display());
    }
    Ok(tokens)
}

fn token(line: &str) -> Result<Token> {
    let (role, secret) = line.trim().split_once(char::is_whitespace).context("expected `role token`")?;
    let role = match role {
        "ingest" => Role::Ingest,
        "serve" => Role::Serve,
        "review" => Role::Review,
        "admin" => Role::Admin,
        _ => bail!("the line begins with no role; use ingest, serve, review or admin, then the token"),
    };
    Ok(Token::new(role, secret.trim())?)
}
