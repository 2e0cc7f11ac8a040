//! The lines of a stream, put together as its bytes come. What is held is bounded by who fills it, and by the longest line.

/// Bytes that have come and were not taken out yet: whole lines, then the beginning of one.
#[derive(Debug)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    /// Where what was not taken out begins.
    start: usize,
    /// Where the line that is not whole yet begins.
    tail: usize,
    line_max: usize,
    /// Whether the line that is coming is too long: the rest of it is passed over.
    passing: bool,
    /// Where lines stood that were too long, ascending; an empty one stands there instead.
    too_long: Vec<usize>,
}

impl LineBuffer {
    /// For lines of at most so many bytes.
    pub(super) fn new(line_max: usize) -> LineBuffer {
        LineBuffer { bytes: Vec::new(), start: 0, tail: 0, line_max, passing: false, too_long: Vec::new() }
    }

    /// Adds what came next; whether a line ended in it.
    pub(super) fn push(&mut self, data: &[u8]) -> bool {
        // No line inside of such a piece is too long: only the one that goes on in it can be.
        data.chunks(self.line_max).map(|piece| usize::from(self.push_piece(piece))).sum::<usize>() > 0
    }

    fn push_piece(&mut self, mut data: &[u8]) -> bool {
        let first = data.iter().position(|&byte| byte == b'\n');
        if !self.passing {
            self.make_room();
            if self.bytes.len() - self.tail + first.unwrap_or(data.len()) > self.line_max {
                self.bytes.truncate(self.tail);
                self.too_long.push(self.tail);
                self.passing = true;
            }
        }
        if self.passing {
            let Some(end) = first else { return false };
            data = &data[end..];
            self.passing = false;
        }
        self.bytes.extend_from_slice(data);
        if let Some(end) = data.iter().rposition(|&byte| byte == b'\n') {
            self.tail = self.bytes.len() - (data.len() - end) + 1;
        }
        first.is_some()
    }

    /// The line that is not whole yet never will be.
    pub(super) fn drop_tail(&mut self) {
        self.bytes.truncate(self.tail);
        self.passing = false;
    }

    /// Nothing more comes: what is there of the last line is the whole of it.
    pub(super) fn finish(&mut self) {
        if self.passing || self.tail < self.bytes.len() {
            self.bytes.push(b'\n');
        }
        (self.tail, self.passing) = (self.bytes.len(), false);
    }

    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// How many bytes there are of the line that is not whole yet; none if none has begun.
    pub(super) fn begun(&self) -> Option<usize> {
        let len = self.bytes.len() - self.tail;
        (len > 0 || self.passing).then_some(len)
    }

    /// Whether there is a whole line.
    pub(super) fn has_lines(&self) -> bool {
        self.start < self.tail
    }

    /// Whether there are whole lines behind the first so many bytes.
    pub(super) fn has_lines_behind(&self, bytes: usize) -> bool {
        self.start + bytes < self.tail
    }

    /// The first whole lines, `max` bytes or one line; and which of them (from 1) were too long.
    pub(super) fn part(&self, max: usize) -> (&[u8], Vec<u32>) {
        let lines = &self.bytes[self.start..self.tail];
        let is_end = |byte: &u8| *byte == b'\n';
        let end = match lines.get(..max) {
            None => lines.len(),
            Some(first) => match first.iter().rposition(is_end) {
                Some(end) => end + 1,
                None => lines.iter().position(is_end).map_or(lines.len(), |end| end + 1),
            },
        };
        let inside = self.too_long.iter().take_while(|at| **at < self.start + end);
        let number = |at: &usize| 1 + line_ends(&self.bytes[self.start..*at]) as u32;
        (&lines[..end], inside.map(number).collect())
    }

    /// Takes out the first so many bytes, which are whole lines.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.start += bytes;
        let gone = self.too_long.partition_point(|at| *at < self.start);
        self.too_long.drain(..gone);
    }

    /// Moves what is there to the front once most before it is taken out: each byte is moved less than once on average.
    fn make_room(&mut self) {
        if self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.tail -= self.start;
            self.too_long.iter_mut().for_each(|at| *at -= self.start);
            self.start = 0;
        }
    }
}

/// How many lines end in these bytes.
pub(super) fn line_ends(bytes: &[u8]) -> usize {
    // Sums that fit a byte let the compiler look at many bytes at once.
    let ends = |some: &[u8]| some.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>();
    bytes.chunks(usize::from(u8::MAX)).map(|some| usize::from(ends(some))).sum()
}

#[cfg(test)]
mod tests {
    use super::{LineBuffer, line_ends};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const LINE_MAX: usize = 12;

    /// All lines that come out of a text that comes in pieces, where those that are too long are none.
    fn lines_of(text: &[u8], pieces: &[usize], part_max: usize) -> Vec<Option<Vec<u8>>> {
        let mut buffer = LineBuffer::new(LINE_MAX);
        let (mut lines, mut rest) = (Vec::new(), text);
        let mut pieces = pieces.iter().cycle();
        loop {
            let piece = (*pieces.next().expect("a cycle")).min(rest.len());
            buffer.push(&rest[..piece]);
            rest = &rest[piece..];
            if rest.is_empty() {
                buffer.finish();
            }
            // Now and then lines wait.
            while buffer.has_lines() && (rest.is_empty() || piece % 3 > 0) {
                let (part, too_long) = buffer.part(part_max);
                assert!(
                    part.ends_with(b"\n")
                        && (part.len() <= part_max || part.iter().filter(|b| **b == b'\n').count() == 1)
                );
                for (line, number) in part[..part.len() - 1].split(|byte| *byte == b'\n').zip(1..) {
                    lines.push((!too_long.contains(&number)).then(|| line.to_vec()));
                }
                let taken = part.len();
                buffer.advance(taken);
            }
            if rest.is_empty() {
                assert_eq!((buffer.len(), buffer.begun()), (0, None));
                return lines;
            }
        }
    }

    proptest! {
        #[test]
        fn ends_are_counted(bytes in vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..2_000)) {
            prop_assert_eq!(line_ends(&bytes), bytes.iter().filter(|&&byte| byte == b'\n').count());
        }

        #[test]
        fn lines_come_out_whole_however_they_come_in(
            lines in vec(vec(b'a'..b'd', 0..18), 0..40),
            pieces in vec(1..30usize, 1..6),
            part_max in 1..60usize,
            ended in any::<bool>(),
        ) {
            let mut text = lines.join(&b'\n');
            if ended {
                text.push(b'\n');
            }
            let mut expected: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            let expected: Vec<_> = expected.into_iter().map(|line| (line.len() <= LINE_MAX).then_some(line)).collect();
            prop_assert_eq!(lines_of(&text, &pieces, part_max), expected);
        }
    }
}
