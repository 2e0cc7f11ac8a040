//! What the program says of itself when it ends: nobody reading on is no failure, nothing taken is one.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const SPEC: &str = "version: 1\nevents:\n  view: { user: user, item: item }\n";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("millrace-output-{}-{name}", std::process::id())));
        fs::create_dir_all(&folder.0).expect("the temporary folder is writable");
        fs::write(folder.0.join("spec.yaml"), SPEC).expect("the folder is writable");
        folder
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.args(arguments).current_dir(&self.0);
        command
    }

    fn import(&self, lines: &str) -> Output {
        fs::write(self.0.join("in.jsonl"), lines).expect("the folder is writable");
        let mut import =
            self.command(&["import", "--data", "in.jsonl", "--dir", "data", "--spec", "spec.yaml", "--restart"]);
        import.output().expect("it runs")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    let folder = Folder::new("pipe");
    assert!(folder.import("{\"event\":\"view\",\"user\":\"u\",\"item\":\"i\",\"time\":1000}\n").status.success());
    let replay = ["replay", "--dir", "data", "--json"];
    for arguments in [&["schema"][..], &["check", "spec.yaml"], &replay, &["digest", "--dir", "data"]] {
        let (reader, writer) = std::io::pipe().expect("the system gives a pipe");
        drop(reader);
        let ended = folder.command(arguments).stdout(Stdio::from(writer)).output().expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{arguments:?}: {} {said}", ended.status);
    }
}

#[test]
fn an_import_of_which_nothing_is_taken_has_failed() {
    let folder = Folder::new("refused");
    let refused = folder.import("{\"event\":\"veiw\",\"user\":\"u\",\"item\":\"i\",\"time\":1000}\n");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("every row was refused"), "{said}");
    let empty = folder.import("");
    assert!(empty.status.success(), "{}", String::from_utf8_lossy(&empty.stderr));
}
