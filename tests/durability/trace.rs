//! Reads what strace has written (`-f -yy`), and says whether an acknowledged file was durable in the right order.
//!
//! strace stops a thread where a call begins and where it ends, so the order of its lines is the order of what happened:
//! a call that ended on an earlier line was complete before one began on a later line.

use std::collections::HashMap;

mod tests;

/// The calls to trace.
pub(crate) const CALLS: &str = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,recvfrom,recvmsg,read,mkdir,mkdirat,\
    rename,renameat,renameat2,link,linkat,fsync,fdatasync";

/// One system call.
#[derive(Debug)]
pub(crate) struct Call {
    name: String,
    arguments: String,
    is_done: bool,
    begun: usize,
    ended: usize,
}

/// Reads the lines of strace; calls that never ended are left out.
pub(crate) fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: HashMap<&str, (&str, &str, usize)> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            let (name, arguments) = begun.split_once('(').unwrap_or((begun, ""));
            open.insert(thread, (name, arguments, number));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((name, arguments, begun)) = open.remove(thread) else { continue };
            let (_, end) = resumed.split_once(" resumed>").unwrap_or_default();
            calls.extend(call(name, &format!("{arguments}{end}"), begun, number));
        } else if let Some((name, arguments)) = rest.split_once('(') {
            calls.extend(call(name, arguments, number, number));
        }
    }
    calls
}

fn call(name: &str, rest: &str, begun: usize, ended: usize) -> Option<Call> {
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let is_done = result.trim().split(' ').next()?.parse::<i64>().is_ok_and(|result| result >= 0);
    Some(Call {
        name: name.to_owned(),
        arguments: arguments.trim_end().strip_suffix(')')?.to_owned(),
        is_done,
        begun,
        ended,
    })
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        self.is_done && names.contains(&self.name.as_str())
    }

    fn is_sync(&self) -> bool {
        self.is(&["fsync", "fdatasync"])
    }

    fn is_write(&self) -> bool {
        self.is(&["write", "writev", "pwrite64", "pwritev"])
    }

    /// Gives what the first argument, a descriptor, stands for.
    fn target(&self) -> &str {
        described(&self.arguments)
    }

    fn is_to_socket(&self) -> bool {
        self.is(&["sendto", "sendmsg", "write", "writev"]) && self.target().starts_with("TCP")
    }

    fn is_to_log(&self) -> bool {
        self.is(&["pwrite64", "write"]) && self.target().ends_with("-wal")
    }

    /// Gives the strings among the arguments with what their folders' descriptors stand for, as whole paths.
    fn paths(&self) -> Vec<String> {
        let pieces: Vec<_> = self.arguments.split('"').collect();
        let paths = pieces.chunks_exact(2).map(|pair| match (described(pair[0]), pair[1]) {
            ("", path) => path.to_owned(),
            (_, path) if path.starts_with('/') => path.to_owned(),
            (folder, name) => format!("{folder}/{name}"),
        });
        paths.collect()
    }
}

/// Cuts `/some/folder` out of `17</some/folder>, "name"`.
fn described(text: &str) -> &str {
    let Some((_, rest)) = text.split_once('<') else { return "" };
    rest.split_once(">, ").map_or(rest.trim_end_matches('>'), |(inside, _)| inside)
}

/// Says what is wrong with the way a file was made durable before its 201, or gives the line of that answer.
pub(crate) fn check(calls: &[Call], id: &str) -> Result<usize, String> {
    let answer = answer(calls, id)?;
    let rename = rename(calls, id)?;
    let paths = rename.paths();
    let [temporary, place] = &paths[..] else { return Err(format!("a rename with {paths:?}")) };
    let (folder, _) = place.rsplit_once('/').ok_or("a blob without a folder")?;

    let last_write = calls
        .iter()
        .filter(|call| call.is_write() && call.target() == temporary)
        .map(|call| call.ended)
        .max();
    let last_write = last_write.ok_or("nothing was written to the file")?;
    between(calls, temporary, last_write, rename.begun)
        .ok_or("the file was not synced between its last byte and its rename")?;
    let settled = between(calls, folder, rename.ended, answer.begun)
        .ok_or("the folder was not synced between rename and answer")?;
    check_new_folders(calls, folder, answer.begun)?;

    let committed = commit(calls, id, settled)?;
    if committed >= answer.begun {
        return Err("the answer left before the commit was durable".to_owned());
    }
    Ok(answer.begun)
}

fn answer<'a>(calls: &'a [Call], id: &str) -> Result<&'a Call, String> {
    let mut answers = calls.iter().filter(|call| {
        call.is_to_socket() && call.arguments.contains("HTTP/1.1 201") && call.arguments.contains(id)
    });
    let answer = answers.next().ok_or("no answer with 201 in the trace")?;
    if answers.next().is_some() { Err("answered twice".to_owned()) } else { Ok(answer) }
}

fn rename<'a>(calls: &'a [Call], id: &str) -> Result<&'a Call, String> {
    let renames = ["rename", "renameat", "renameat2", "link", "linkat"];
    let end = format!("/{id}");
    let mut found = calls
        .iter()
        .filter(|call| call.is(&renames) && call.paths().last().is_some_and(|to| to.ends_with(&end)));
    found.next().ok_or_else(|| "no rename to the final name".to_owned())
}

/// Gives where a sync of `target` ended that lies wholly between two lines.
fn between(calls: &[Call], target: &str, after: usize, before: usize) -> Option<usize> {
    let mut syncs = calls.iter().filter(|call| call.is_sync() && call.target() == target);
    syncs.find(|call| call.begun > after && call.ended < before).map(|call| call.ended)
}

/// A folder made for this file is an entry of its parent, which has to be on disk too.
fn check_new_folders(calls: &[Call], folder: &str, answered: usize) -> Result<(), String> {
    let mut folder = folder;
    while let Some((parent, _)) = folder.rsplit_once('/') {
        let made = calls
            .iter()
            .find(|call| call.is(&["mkdir", "mkdirat"]) && call.paths().iter().any(|made| made == folder));
        if let Some(made) = made.filter(|made| made.ended < answered)
            && between(calls, parent, made.ended, answered).is_none()
        {
            return Err(format!("the new folder {folder} was not synced into its parent"));
        }
        folder = parent;
    }
    Ok(())
}

/// Gives where the commit of the row was durable; the row may not exist before the bytes are settled.
///
/// The embedded engine writes the row into its log and syncs that; a server is sent the row and says when it is safe.
fn commit(calls: &[Call], id: &str, settled: usize) -> Result<usize, String> {
    let is_request = |call: &Call| call.is_to_socket() && !call.arguments.contains("HTTP/1.1");
    let mut rows =
        calls.iter().filter(|call| (call.is_to_log() || is_request(call)) && call.arguments.contains(id));
    let row = rows.next().ok_or("the row is not in the trace")?;
    if row.begun <= settled {
        return Err("the row was written before the file was settled".to_owned());
    }
    let end =
        if row.is_to_log() { between(calls, row.target(), row.ended, usize::MAX) } else { said(calls, row) };
    end.ok_or_else(|| "the commit was not durable".to_owned())
}

/// Gives where a server had said in full that it had committed what was sent; an answer may come in two reads.
fn said(calls: &[Call], row: &Call) -> Option<usize> {
    let same = |call: &&Call| call.target() == row.target() && call.begun > row.ended;
    let asked =
        calls.iter().filter(same).find(|call| call.is_to_socket() && call.arguments.contains("COMMIT"))?;
    let mut answer = String::new();
    let mut reads =
        calls.iter().filter(same).filter(|call| call.begun > asked.begun && call.is(&["recvfrom", "read"]));
    let last = reads.find(|call| {
        answer.extend(call.arguments.split('"').nth(1));
        answer.contains(r"COMMIT\0Z\0\0\0\5I")
    });
    last.map(|call| call.ended)
}

/// Counts the syncs between two lines: of files, folders and databases.
pub(crate) fn count_syncs(calls: &[Call], from: usize, to: usize) -> [u32; 3] {
    let mut counts = [0; 3];
    for call in calls.iter().filter(|call| call.is_sync() && call.begun > from && call.ended < to) {
        let target = call.target();
        let kind = match target {
            _ if target.contains("/media/tmp/") => 0,
            _ if target.contains("/media/") || target.ends_with("/media") => 1,
            _ => 2,
        };
        counts[kind] += 1;
    }
    counts
}
