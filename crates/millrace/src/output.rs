//! The one place where the program prints: who reads the output may have seen enough of it (`| head`), which is no failure.

use std::fmt;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something could not be printed, and not because nobody reads it any more.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Prints a line.
macro_rules! say {
    ($($arg:tt)*) => { $crate::output::print(format_args!($($arg)*), "\n") };
}

/// Prints text that ends its lines itself.
macro_rules! show {
    ($($arg:tt)*) => { $crate::output::print(format_args!($($arg)*), "") };
}

/// Prints a line on the error stream.
macro_rules! complain {
    ($($arg:tt)*) => { $crate::output::print_error(format_args!($($arg)*), "\n") };
}

/// Prints text on the error stream that ends its lines itself.
macro_rules! complain_of {
    ($($arg:tt)*) => { $crate::output::print_error(format_args!($($arg)*), "") };
}

/// Prints text and what ends it.
pub(crate) fn print(text: fmt::Arguments<'_>, end: &str) {
    let mut out = stdout().lock();
    let Err(error) = write(&mut out, text, end) else { return };
    if error.kind() != ErrorKind::BrokenPipe && !FAILED.swap(true, Ordering::Relaxed) {
        print_error(format_args!("error: the output cannot be written: {error}"), "\n");
    }
}

/// The same on the error stream. There is nowhere left to say that it failed.
pub(crate) fn print_error(text: fmt::Arguments<'_>, end: &str) {
    let _ = write(&mut stderr().lock(), text, end);
}

/// Whether all that was to be printed was, as far as anybody reads it.
pub(crate) fn succeeded() -> bool {
    !FAILED.load(Ordering::Relaxed)
}

fn write(out: &mut impl Write, text: fmt::Arguments<'_>, end: &str) -> io::Result<()> {
    out.write_fmt(text)?;
    out.write_all(end.as_bytes())?;
    out.flush()
}
