//! `millrace schema`: the JSON Schema of a spec, for editors.

use anyhow::Result;
use clap::Args;

/// Print the JSON Schema of a spec, for editors
///
/// `millrace schema > millrace.schema.json`, and as the first line of a spec
/// `# yaml-language-server: $schema=millrace.schema.json`.
#[derive(Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<()> {
        show!("{}", spec::schema());
        Ok(())
    }
}
