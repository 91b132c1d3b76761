//! Random file operations, against both kinds of workspace and against a model of one that is nothing but a table. After
//! each of them all have answered the same, and the accounts, the model, the disk and the memory agree.

use super::{How, Kept, Modes, Mount, Whence, Workspace, both, locked, measure, session};
use crate::limits::Limits;
use crate::workspace::ledger::Quota;
use proptest::prelude::*;
use rustix::io::Errno;
use std::collections::{BTreeMap, HashSet};

/// How many sequences; CONTRIBUTING.md says how to run a hundred thousand.
fn sequences() -> u32 {
    std::env::var("SANDGATE_FILE_SEQUENCES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3000)
}

/// So small that most sequences meet each of them.
const QUOTA: Quota = Quota {
    bytes: 100,
    entries: 7,
    depth: 4,
    path: 12,
    open: 3,
};

#[derive(Debug, Clone)]
enum Operation {
    Open(usize, String, How),
    Write(usize, u64),
    Seek(usize, i64),
    SetSize(usize, u64),
    Append(usize, bool),
    Close(usize),
    MakeDirectory(usize, String),
    RemoveDirectory(usize, String),
    Unlink(usize, String),
    Rename(usize, String, usize, String),
}

fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "cc", "ddddd"]);
    prop::collection::vec(name, 1..=5).prop_map(|names| names.join("/"))
}

/// Mostly short, since a long path mostly leads nowhere.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "cc", "a/b", "a/a", "b/cc", "a/b/cc"])
            .prop_map(str::to_owned),
        1 => path(),
    ]
}

/// The directory that the run begins with, or one of the first descriptors.
fn at() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0_usize), 1 => 1..5_usize]
}

fn how() -> impl Strategy<Value = How> {
    let flag = prop::bool::weighted;
    (
        flag(0.7),
        flag(0.1),
        flag(0.2),
        flag(0.1),
        flag(0.8),
        flag(0.2),
    )
        .prop_map(
            |(create, exclusive, truncate, directory, write, append)| How {
                follow: true,
                create,
                exclusive,
                truncate,
                directory,
                modes: Modes {
                    read: true,
                    write,
                    append,
                    nonblocking: false,
                },
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let handle = || 1..5_usize;
    prop_oneof![
        6 => (at(), near(), how()).prop_map(|(at, path, how)| Open(at, path, how)),
        6 => (handle(), 0..60_u64).prop_map(|(handle, length)| Write(handle, length)),
        3 => (handle(), prop_oneof![9 => 0..120_i64, 1 => any::<i64>()])
            .prop_map(|(handle, to)| Seek(handle, to)),
        2 => (handle(), prop_oneof![9 => 0..130_u64, 1 => any::<u64>()])
            .prop_map(|(handle, size)| SetSize(handle, size)),
        1 => (handle(), any::<bool>()).prop_map(|(handle, append)| Append(handle, append)),
        3 => handle().prop_map(Close),
        4 => (at(), near()).prop_map(|(at, path)| MakeDirectory(at, path)),
        2 => (at(), near()).prop_map(|(at, path)| RemoveDirectory(at, path)),
        4 => (at(), near()).prop_map(|(at, path)| Unlink(at, path)),
        5 => (at(), near(), at(), near())
            .prop_map(|(at, path, to, to_path)| Rename(at, path, to, to_path)),
    ]
}

#[derive(Debug)]
enum Node {
    File { size: u64, named: bool },
    Directory(BTreeMap<String, usize>),
}

#[derive(Debug, Clone, Copy)]
struct Open {
    node: usize,
    at: u64,
    modes: Modes,
}

/// A workspace as a table: nodes by number, the first of which is the workspace itself.
struct Model {
    nodes: Vec<Node>,
    /// By descriptor, from the first one on.
    table: Vec<Option<Open>>,
}

type Answer = Result<(), Errno>;

impl Model {
    fn new() -> Self {
        let first = Open {
            node: 0,
            at: 0,
            modes: Modes::default(),
        };
        Self {
            nodes: vec![Node::Directory(BTreeMap::new())],
            table: vec![Some(first)],
        }
    }

    fn names(&self, node: usize) -> Option<&BTreeMap<String, usize>> {
        match &self.nodes[node] {
            Node::Directory(names) => Some(names),
            Node::File { .. } => None,
        }
    }

    fn names_mut(&mut self, node: usize) -> &mut BTreeMap<String, usize> {
        match &mut self.nodes[node] {
            Node::Directory(names) => names,
            Node::File { .. } => panic!("a file has no names in it"),
        }
    }

    /// Every directory that has a place, with its depth and the length of its path.
    fn places(&self) -> BTreeMap<usize, (usize, usize)> {
        let mut places = BTreeMap::from([(0, (0, 0))]);
        let mut pending = vec![0];
        while let Some(node) = pending.pop() {
            let (depth, length) = places[&node];
            for (name, below) in self.names(node).unwrap() {
                let separator = usize::from(depth > 0);
                if self.names(*below).is_some() {
                    places.insert(*below, (depth + 1, length + separator + name.len()));
                    pending.push(*below);
                }
            }
        }
        places
    }

    fn entries(&self) -> u64 {
        let places = self.places();
        places
            .keys()
            .map(|node| self.names(*node).unwrap().len() as u64)
            .sum()
    }

    fn bytes(&self) -> u64 {
        let open: HashSet<usize> = self.table.iter().flatten().map(|open| open.node).collect();
        let counts = |(number, node): (usize, &Node)| match node {
            Node::File { size, named } if *named || open.contains(&number) => *size,
            _ => 0,
        };
        self.nodes.iter().enumerate().map(counts).sum()
    }

    fn directory(&self, at: usize) -> Result<usize, Errno> {
        let open = self.table.get(at).copied().flatten().ok_or(Errno::BADF)?;
        match self.names(open.node) {
            Some(_) => Ok(open.node),
            None => Err(Errno::NOTDIR),
        }
    }

    fn look(&self, from: usize, path: &str) -> Result<usize, Errno> {
        path.split('/').try_fold(from, |node, name| {
            let names = self.names(node).ok_or(Errno::NOTDIR)?;
            names.get(name).copied().ok_or(Errno::NOENT)
        })
    }

    /// The directory in which the last name is, and that name.
    fn spot<'a>(&self, at: usize, path: &'a str) -> Result<(usize, &'a str), Errno> {
        let from = self.directory(at)?;
        let Some((above, name)) = path.rsplit_once('/') else {
            return Ok((from, path));
        };
        let dir = self.look(from, above)?;
        self.names(dir).ok_or(Errno::NOTDIR)?;
        Ok((dir, name))
    }

    fn may_be(&self, dir: usize, name: &str, extent: (usize, usize)) -> Answer {
        let (depth, length) = self.place(dir, name, extent);
        if depth <= QUOTA.depth && length <= QUOTA.path {
            Ok(())
        } else {
            Err(Errno::NAMETOOLONG)
        }
    }

    fn place(&self, dir: usize, name: &str, extent: (usize, usize)) -> (usize, usize) {
        let (depth, length) = self.places()[&dir];
        let separators = usize::from(depth > 0) + usize::from(extent.0 > 0);
        (
            depth + 1 + extent.0,
            length + name.len() + extent.1 + separators,
        )
    }

    /// How deep, and how long, what is in a directory is.
    fn extent(&self, node: usize) -> (usize, usize) {
        let Some(names) = self.names(node) else {
            return (0, 0);
        };
        names.iter().fold((0, 0), |(depth, length), (name, below)| {
            let (deeper, longer) = self.extent(*below);
            let separator = usize::from(deeper > 0);
            (
                depth.max(deeper + 1),
                length.max(name.len() + separator + longer),
            )
        })
    }

    fn may_name(&self) -> Answer {
        if self.entries() < QUOTA.entries {
            Ok(())
        } else {
            Err(Errno::NOSPC)
        }
    }

    fn make(&mut self, dir: usize, name: &str, node: Node) -> usize {
        let number = self.nodes.len();
        self.nodes.push(node);
        self.names_mut(dir).insert(name.to_owned(), number);
        number
    }

    fn unname(&mut self, dir: usize, name: &str) {
        let number = self.names_mut(dir).remove(name).unwrap();
        if let Node::File { named, .. } = &mut self.nodes[number] {
            *named = false;
        }
    }

    /// Whether a directory is another or lies above it.
    fn is_above(&self, node: usize, other: usize) -> bool {
        node == other
            || self
                .names(node)
                .is_some_and(|names| names.values().any(|below| self.is_above(*below, other)))
    }

    fn file(&mut self, handle: usize) -> Result<(Open, &mut u64), Errno> {
        let open = self.table.get(handle).copied().flatten();
        let open = open.ok_or(Errno::BADF)?;
        match &mut self.nodes[open.node] {
            Node::File { size, .. } => Ok((open, size)),
            Node::Directory(_) => Err(Errno::BADF),
        }
    }

    fn resize(&mut self, handle: usize, to: u64) -> Answer {
        let used = self.bytes();
        let (_, size) = self.file(handle)?;
        if to > *size && used + (to - *size) > QUOTA.bytes {
            return Err(Errno::NOSPC);
        }
        *size = to;
        Ok(())
    }

    fn open(&mut self, at: usize, path: &str, how: How) -> Answer {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Errno::INVAL);
        }
        if self.table.iter().skip(1).flatten().count() >= QUOTA.open {
            return Err(Errno::MFILE);
        }
        let from = self.directory(at)?;
        let node = match self.look(from, path) {
            Ok(_) if how.create && how.exclusive => return Err(Errno::EXIST),
            Ok(node) if self.names(node).is_some() => {
                if how.create || how.truncate || how.modes.write {
                    return Err(Errno::ISDIR);
                }
                node
            }
            Ok(_) if how.directory => return Err(Errno::NOTDIR),
            Ok(node) => {
                if let Node::File { size, .. } = &mut self.nodes[node]
                    && how.truncate
                {
                    *size = 0;
                }
                node
            }
            Err(Errno::NOENT) if how.create => {
                let (dir, name) = self.spot(at, path)?;
                self.may_be(dir, name, (0, 0))?;
                self.may_name()?;
                let file = Node::File {
                    size: 0,
                    named: true,
                };
                self.make(dir, name, file)
            }
            Err(error) => return Err(error),
        };
        let free = self.table.iter().position(Option::is_none);
        let free = free.unwrap_or(self.table.len());
        if free == self.table.len() {
            self.table.push(None);
        }
        self.table[free] = Some(Open {
            node,
            at: 0,
            modes: how.modes,
        });
        Ok(())
    }

    fn rename(&mut self, at: usize, path: &str, to: usize, to_path: &str) -> Answer {
        let (dir, name) = self.spot(at, path)?;
        let (to, to_name) = self.spot(to, to_path)?;
        let moved = *self.names(dir).unwrap().get(name).ok_or(Errno::NOENT)?;
        let replaced = self.names(to).unwrap().get(to_name).copied();
        if replaced == Some(moved) {
            return Ok(());
        }
        let (old, new) = (
            self.place(dir, name, (0, 0)),
            self.place(to, to_name, (0, 0)),
        );
        if new.0 > old.0 || new.1 > old.1 {
            self.may_be(to, to_name, self.extent(moved))?;
        }
        if self.is_above(moved, to) {
            return Err(Errno::INVAL);
        }
        if let Some(replaced) = replaced {
            if self.is_above(replaced, dir) {
                return Err(Errno::NOTEMPTY);
            }
            match (self.names(moved), self.names(replaced)) {
                (Some(_), None) => return Err(Errno::NOTDIR),
                (None, Some(_)) => return Err(Errno::ISDIR),
                (Some(_), Some(names)) if !names.is_empty() => return Err(Errno::NOTEMPTY),
                _ => {}
            }
            self.unname(to, to_name);
        }
        self.names_mut(dir).remove(name);
        self.names_mut(to).insert(to_name.to_owned(), moved);
        Ok(())
    }

    fn apply(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::Open(at, path, how) => self.open(*at, path, *how),
            Operation::Write(handle, length) => {
                let (open, size) = self.file(*handle)?;
                if !open.modes.write {
                    return Err(Errno::BADF);
                }
                if *length == 0 {
                    return Ok(());
                }
                let at = if open.modes.append { *size } else { open.at };
                let end = at + length;
                let larger = (*size).max(end);
                i64::try_from(end).map_err(|_| Errno::FBIG)?;
                self.resize(*handle, larger)?;
                self.table[*handle].as_mut().unwrap().at = end;
                Ok(())
            }
            Operation::Seek(handle, to) => {
                self.file(*handle)?;
                let to = u64::try_from(*to).map_err(|_| Errno::INVAL)?;
                self.table[*handle].as_mut().unwrap().at = to;
                Ok(())
            }
            Operation::SetSize(handle, size) => {
                let (open, _) = self.file(*handle)?;
                if !open.modes.write {
                    return Err(Errno::INVAL);
                }
                i64::try_from(*size).map_err(|_| Errno::FBIG)?;
                self.resize(*handle, *size)
            }
            Operation::Append(handle, append) => {
                self.file(*handle)?;
                self.table[*handle].as_mut().unwrap().modes.append = *append;
                Ok(())
            }
            Operation::Close(handle) => {
                let slot = self.table.get_mut(*handle).ok_or(Errno::BADF)?;
                slot.take().map(drop).ok_or(Errno::BADF)
            }
            Operation::MakeDirectory(at, path) => {
                let (dir, name) = self.spot(*at, path)?;
                if self.names(dir).unwrap().contains_key(name) {
                    return Err(Errno::EXIST);
                }
                self.may_be(dir, name, (0, 0))?;
                self.may_name()?;
                self.make(dir, name, Node::Directory(BTreeMap::new()));
                Ok(())
            }
            Operation::RemoveDirectory(at, path) => {
                let (dir, name) = self.spot(*at, path)?;
                let node = *self.names(dir).unwrap().get(name).ok_or(Errno::NOENT)?;
                match self.names(node) {
                    None => Err(Errno::NOTDIR),
                    Some(names) if !names.is_empty() => Err(Errno::NOTEMPTY),
                    Some(_) => {
                        self.unname(dir, name);
                        Ok(())
                    }
                }
            }
            Operation::Unlink(at, path) => {
                let (dir, name) = self.spot(*at, path)?;
                let node = *self.names(dir).unwrap().get(name).ok_or(Errno::NOENT)?;
                if self.names(node).is_some() {
                    return Err(Errno::ISDIR);
                }
                self.unname(dir, name);
                Ok(())
            }
            Operation::Rename(at, path, to, to_path) => self.rename(*at, path, *to, to_path),
        }
    }

    /// Whether an operation begins in a directory that has no place any more. The kernel then has its own idea of what is
    /// wrong first, and something always is, unless it only looks.
    fn begins_nowhere(&self, operation: &Operation) -> bool {
        let places = self.places();
        let nowhere = |at: usize| {
            self.directory(at)
                .is_ok_and(|node| !places.contains_key(&node))
        };
        match operation {
            Operation::Open(at, ..)
            | Operation::MakeDirectory(at, _)
            | Operation::RemoveDirectory(at, _)
            | Operation::Unlink(at, _) => nowhere(*at),
            Operation::Rename(at, _, to, _) => nowhere(*at) || nowhere(*to),
            _ => false,
        }
    }
}

fn fd(handle: usize) -> u32 {
    3 + u32::try_from(handle).unwrap()
}

fn apply(session: &mut Mount, operation: &Operation) -> Answer {
    match operation {
        Operation::Open(at, path, how) => session.open(fd(*at), path, *how).map(drop),
        Operation::Write(handle, length) => {
            let bytes = vec![1; usize::try_from(*length).unwrap()];
            session.write(fd(*handle), &bytes).map(drop)
        }
        Operation::Seek(handle, to) => session.seek(fd(*handle), *to, Whence::Start).map(drop),
        Operation::SetSize(handle, size) => session.set_size(fd(*handle), *size),
        Operation::Append(handle, append) => session.set_modes(fd(*handle), *append, false),
        Operation::Close(handle) => session.close(fd(*handle)),
        Operation::MakeDirectory(at, path) => session.make_directory(fd(*at), path),
        Operation::RemoveDirectory(at, path) => session.remove_directory(fd(*at), path),
        Operation::Unlink(at, path) => session.unlink(fd(*at), path),
        Operation::Rename(at, path, to, to_path) => session.rename(fd(*at), path, fd(*to), to_path),
    }
}

/// Bytes and names: what is there, and what the account says.
fn counted(workspace: &Workspace, session: Option<&Mount>) -> [(u64, u64); 2] {
    match &workspace.kept {
        Kept::Host(directory) => {
            let measured = measure(&directory.dir).unwrap();
            let nameless = match session {
                Some(Mount::Host(session)) => session.nameless(),
                _ => 0,
            };
            let account = &locked(&directory.ledger).account;
            [
                (measured.bytes + nameless, measured.entries),
                (account.bytes, account.entries),
            ]
        }
        Kept::Memory(memory) => {
            let tree = memory.tree();
            let (bytes, entries, held) = tree.counted();
            assert_eq!(tree.room.held(), (held, held));
            [(bytes, entries), (tree.account.bytes, tree.account.entries)]
        }
    }
}

fn agree(operations: &[Operation]) {
    for (_place, workspace) in both() {
        let mut session = session(&workspace, &Limits::default());
        session.limit(QUOTA);
        let mut model = Model::new();
        for (number, operation) in operations.iter().enumerate() {
            let nowhere = model.begins_nowhere(operation);
            let real = apply(&mut session, operation);
            if nowhere {
                assert!(real.is_err(), "{number}: {operation:?}");
            } else {
                assert_eq!(real, model.apply(operation), "{number}: {operation:?}");
            }
            let [real, account] = counted(&workspace, Some(&session));
            assert_eq!(real, account, "{number}: {operation:?}");
            assert_eq!(
                real,
                (model.bytes(), model.entries()),
                "{number}: {operation:?}"
            );
            assert!(real.0 <= QUOTA.bytes && real.1 <= QUOTA.entries);
        }
        drop(session);
        let [real, account] = counted(&workspace, None);
        assert_eq!(real.0, account.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: sequences(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn dos_12_no_sequence_of_operations_takes_more_than_the_budget_or_is_refused_less(
        operations in prop::collection::vec(operation(), 1..60)
    ) {
        agree(&operations);
    }
}
