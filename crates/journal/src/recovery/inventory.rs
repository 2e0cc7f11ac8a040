//! Which files there are, whether each is known, and whether the segments link up.

use crate::disk::{Disk, DiskFile, read_full};
use crate::segment::{self, HeaderParsed, Segment};
use crate::{Error, checkpoint, file_disk, manifest, watermark};
use domain::Position;
use std::sync::Arc;

/// Files whose names begin so belong to the engine (products that records name); the journal leaves them alone.
const FOREIGN: &str = "blob-";

/// The directory's content by kind.
pub(super) struct Inventory {
    pub(super) names: Vec<String>,
    /// First positions of the segment files, ascending.
    pub(super) segments: Vec<Position>,
    pub(super) watermark: bool,
    /// The newest segment file, if a crash came before its header was durable.
    pub(super) unfinished: Option<Position>,
}

/// Lists the directory and refuses names that are not the journal's.
pub(super) fn take(disk: &impl Disk) -> Result<Inventory, Error> {
    let names = disk.list().map_err(Error::io("list", "."))?;
    let mut segments = Vec::new();
    let mut has_watermark = false;
    for name in &names {
        match name.as_str() {
            watermark::NAME => has_watermark = true,
            manifest::NAME | manifest::TEMPORARY | file_disk::LOCK => {}
            _ if name.starts_with(FOREIGN) || checkpoint::parse_name(name).is_some() => {}
            _ => match segment::parse_name(name) {
                Some(first) => segments.push(first),
                None => return Err(Error::UnknownFile { name: name.clone() }),
            },
        }
    }
    segments.sort();
    Ok(Inventory { names, segments, watermark: has_watermark, unfinished: None })
}

/// Reads all segment headers and checks that each follows the one before.
pub(super) fn read_segments<D: Disk>(disk: &D, inventory: &mut Inventory) -> Result<Vec<Arc<Segment>>, Error> {
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    let newest = inventory.segments.last().copied();
    for &first in &inventory.segments {
        let name = segment::name(first);
        let file = disk.open(&name).map_err(Error::io("open", &name))?;
        let mut sector = [0; segment::HEADER];
        let filled = read_full(&file, 0, &mut sector).map_err(Error::io("read", &name))?;
        let (header, salt) = match segment::parse_header(&sector[..filled], first) {
            HeaderParsed::Header(header, salt) => (header, salt),
            parsed => {
                // Its predecessor was synced before it was made, or there was nothing before it at all.
                let may_be_unfinished = Some(first) == newest && (!segments.is_empty() || first == Position(1));
                if may_be_unfinished && super::tail::is_blank(&file, &name, segment::HEADER as u64)? {
                    inventory.unfinished = Some(first);
                    break;
                }
                return Err(match parsed {
                    HeaderParsed::Bad(error) => error,
                    _ => Error::Damaged { segment: name, offset: 0, position: first, reason: "it has no header" },
                });
            }
        };
        if let Some(before) = segments.last()
            && header.previous != before.header.first
        {
            return Err(Error::MissingSegment { position: Position(before.header.first.0 + 1), before: name });
        }
        let bytes = file.len().map_err(Error::io("measure", &name))?;
        segments.push(Arc::new(Segment::new(header, salt, bytes, false)));
    }
    Ok(segments)
}
