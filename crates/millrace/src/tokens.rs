//! Files of bearer tokens (`role token` a line) and of the secrets that sinks are sent (`name secret` a line).

use anyhow::{Context, Result, bail};
use server::{Role, Secrets, Token};
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

/// Reads a file of secrets; one without any is a mistake. Secrets are in no message.
pub(crate) fn read_secrets(path: &Path) -> Result<Secrets> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading the secrets {}", path.display()))?;
    let (mut secrets, mut any) = (Secrets::default(), false);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{} line {}", path.display(), number + 1);
        let (name, secret) =
            line.trim().split_once(char::is_whitespace).context("expected `name secret`").with_context(place)?;
        let secret = secret.trim();
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("{}: a secret is sent in a header: use letters, digits and signs, without spaces", place());
        }
        secrets.set(name, secret);
        any = true;
    }
    if !any {
        bail!(
            "{} has no secrets; write `ledger SECRET`, a line for each name that the spec's sinks say",
            path.display()
        );
    }
    Ok(secrets)
}
