//! A partner who works on files of his own until the gateway dies under him.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use sftp::{Attributes, OpenFlags, Times};
use testkit::client::{Credential, Session, Stop};
use testkit::dice::Dice;
use tokio::sync::Semaphore;

use crate::content::{self, Content};
use crate::expected::Expected;
use crate::ledger::{Ledger, Outcome, Tree};

/// Who he is and where he works: a directory of his own in the user's home.
pub(crate) struct Partner {
    pub(crate) user: &'static str,
    pub(crate) credential: Credential,
    /// `w0`; the keys are `USER/w0/..`.
    pub(crate) folder: String,
    pub(crate) dice: Dice,
    pub(crate) ledger: Ledger,
    pub(crate) expected: Arc<Expected>,
    /// Contents so far, all partners together.
    pub(crate) numbers: Arc<AtomicU64>,
    /// Gets a permit with each login.
    pub(crate) arrived: Arc<Semaphore>,
    /// Deeds that he leaves out.
    pub(crate) without: Vec<String>,
}

/// Names in a partner's folder; few, so that he comes back to them.
const NAMES: [&str; 6] = ["a", "b", "c.csv", "d e.xml", "ü", "f"];

/// How often he looks for what broke off, and the time between two looks.
const LOOKS: usize = 8;
const LOOK: Duration = Duration::from_millis(25);

impl Partner {
    /// Works until the connection ends.
    pub(crate) async fn work(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let worked = async {
            loop {
                let mut session = Session::open(address, self.user, &self.credential).await?;
                self.arrived.add_permits(1);
                self.resume(&mut session).await?;
                while self.dice.below(12) != 0 || !self.does("cut") {
                    self.deed(&mut session).await?;
                }
                self.break_off(session).await?;
            }
        };
        let stopped: Result<std::convert::Infallible, Stop> = worked.await;
        match stopped {
            Err(Stop::Cut) => Ok(()),
            // In fine weather nobody is refused anything.
            Err(stop) => Err(stop).context(format!("partner {}", self.folder)),
            Ok(never) => match never {},
        }
    }

    async fn deed(&mut self, session: &mut Session) -> Result<(), Stop> {
        let name = *self.dice.pick(&NAMES);
        let other = *self.dice.pick(&NAMES);
        let free = |name: &str| !self.ledger.begun.contains_key(name);
        let exists = self.ledger.tree.contains_key(&self.key(name)) && free(name);
        let other_is_free = other != name && free(other);
        match self.dice.below(10) {
            0 if exists => self.remove(session, name).await,
            1 if exists => self.set_time(session, name).await,
            2 if exists => self.check(session, name).await,
            3..5 if exists && other_is_free && self.does("rename") => {
                self.rename(session, name, other).await
            }
            _ => self.upload(session, name).await,
        }
    }

    /// Uploads something new, over what may stand there.
    async fn upload(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        let content = self.draw_content(name).await?;
        self.send(session, name, content, None).await
    }

    /// Something new, or what was begun under this name and never ended.
    async fn draw_content(&mut self, name: &str) -> Result<Content, Stop> {
        if let Some(content) = self.ledger.begun.get(name) {
            return Ok(*content);
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let size = content::draw_size(&mut self.dice);
        let content = tokio::task::spawn_blocking(move || Content::new(number, size)).await;
        let content = content.map_err(|error| Stop::Wrong(error.to_string()))?;
        self.ledger.begun.insert(name.to_owned(), content);
        Ok(content)
    }

    /// Uploads a part of a file, then loses the connection.
    async fn break_off(&mut self, mut session: Session) -> Result<(), Stop> {
        let name = *self.dice.pick(&NAMES);
        let content = self.draw_content(name).await?;
        let end = self.dice.below(content.size() + 1);
        let broken_off = self.broken_off(name, content);
        self.ledger.unanswered = vec![broken_off.clone()];
        let handle = session.create(&self.path(name), true).await?;
        let block = |offset| content.block(offset);
        session.write(&handle, 0, end, block).await?;
        session.cut();
        self.acknowledge("cut", broken_off);
        Ok(())
    }

    /// Sends a file from an offset to its end and closes it.
    async fn send(
        &mut self,
        session: &mut Session,
        name: &str,
        content: Content,
        from: Option<u64>,
    ) -> Result<(), Stop> {
        let key = self.key(name);
        self.expected.add(&key, &content);
        let broken_off = self.broken_off(name, content);
        self.ledger.unanswered = vec![broken_off.clone()];
        let handle = session.create(&self.path(name), from.is_none()).await?;
        let from = from.unwrap_or(0);
        let block = |offset| content.block(offset);
        session.write(&handle, from, content.size(), block).await?;
        let mut tree = self.ledger.tree.clone();
        tree.insert(key.clone(), content);
        let stands = Outcome {
            events: vec![("upload", key.clone())],
            ..self.changed("the upload stands", tree)
        };
        self.ledger.unanswered = vec![broken_off, stands.clone()];
        session.close(&handle).await?;
        self.ledger.begun.remove(name);
        self.acknowledge("upload", stands);
        Ok(())
    }

    /// Whether the gateway shows what broke off; it may notice a cut connection a little later
    /// than its client.
    async fn is_unfinished(&self, session: &mut Session, name: &str) -> Result<bool, Stop> {
        for _ in 0..LOOKS {
            let long = session
                .long_name(&format!("/{}", self.folder), name)
                .await?;
            if long.is_some_and(|long| long.contains(" unfinished ")) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    /// Goes on with what broke off, where the gateway shows that it is unfinished.
    async fn resume(&mut self, session: &mut Session) -> Result<(), Stop> {
        let Some((name, content)) = self.ledger.unfinished.clone() else {
            return Ok(());
        };
        if !self.is_unfinished(session, &name).await? {
            self.ledger.unfinished = None;
            return Ok(());
        }
        let path = self.path(&name);
        let shown = session
            .stat(&path)
            .await?
            .and_then(|attributes| attributes.size);
        let Some(safe) = shown.filter(|safe| *safe <= content.size()) else {
            let whole = content.size();
            return Err(Stop::Wrong(format!(
                "{path} shows {shown:?} safe bytes of {whole}"
            )));
        };
        match session.open_file(&path, OpenFlags::READ).await {
            Err(Stop::Refused(_)) => {}
            Err(stop) => return Err(stop),
            Ok(_) => return Err(Stop::Wrong(format!("{path} is unfinished and can be read"))),
        }
        self.send(session, &name, content, Some(safe)).await?;
        *self.ledger.acknowledged.entry("resume").or_default() += 1;
        Ok(())
    }

    async fn rename(&mut self, session: &mut Session, from: &str, to: &str) -> Result<(), Stop> {
        let (old, new) = (self.key(from), self.key(to));
        let over = self.ledger.tree.contains_key(&new);
        let mut tree = self.ledger.tree.clone();
        let Some(content) = tree.remove(&old) else {
            return Ok(());
        };
        self.expected.add(&new, &content);
        tree.insert(new.clone(), content);
        let moved = Outcome {
            events: vec![("rename", new)],
            ..self.changed("the rename is done", tree)
        };
        self.ledger.unanswered = vec![self.unchanged("nothing was renamed"), moved.clone()];
        session
            .rename(&self.path(from), &self.path(to), over)
            .await?;
        self.acknowledge(if over { "rename over" } else { "rename" }, moved);
        Ok(())
    }

    async fn remove(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        let mut tree = self.ledger.tree.clone();
        tree.remove(&self.key(name));
        let removed = self.changed("the file is removed", tree);
        self.ledger.unanswered = vec![self.unchanged("nothing was removed"), removed.clone()];
        session.remove(&self.path(name)).await?;
        self.acknowledge("remove", removed);
        Ok(())
    }

    async fn set_time(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        let time = 1_000_000_000 + u32::try_from(self.dice.below(1 << 29)).unwrap_or_default();
        let times = Some(Times {
            accessed: time,
            modified: time,
        });
        let attributes = Attributes {
            times,
            ..Attributes::default()
        };
        let path = self.path(name);
        session.set(&path, attributes).await?;
        let shown = session
            .stat(&path)
            .await?
            .and_then(|attributes| attributes.times);
        if shown.map(|times| times.modified) != Some(time) {
            return Err(Stop::Wrong(format!(
                "{path}: set to {time}, shown {shown:?}"
            )));
        }
        *self.ledger.acknowledged.entry("setstat").or_default() += 1;
        Ok(())
    }

    /// Reads a file back.
    async fn check(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
        let Some(content) = self.ledger.tree.get(&self.key(name)).copied() else {
            return Ok(());
        };
        let path = self.path(name);
        if content::hash(&session.get(&path).await?) != content.hash() {
            return Err(Stop::Wrong(format!("{path} reads wrong")));
        }
        *self.ledger.acknowledged.entry("read").or_default() += 1;
        Ok(())
    }

    fn broken_off(&self, name: &str, content: Content) -> Outcome {
        Outcome {
            unfinished: Some((name.to_owned(), content)),
            ..self.unchanged("the upload broke off")
        }
    }

    fn unchanged(&self, name: &'static str) -> Outcome {
        self.changed(name, self.ledger.tree.clone())
    }

    /// An outcome after which nothing is unfinished: one session does one thing at a time.
    fn changed(&self, name: &'static str, tree: Tree) -> Outcome {
        Outcome {
            name,
            tree,
            events: Vec::new(),
            unfinished: None,
        }
    }

    fn acknowledge(&mut self, deed: &'static str, outcome: Outcome) {
        self.ledger.tree = outcome.tree;
        self.ledger.unfinished = outcome.unfinished;
        self.ledger.events.extend(outcome.events);
        self.ledger.unanswered.clear();
        *self.ledger.acknowledged.entry(deed).or_default() += 1;
    }

    fn does(&self, deed: &str) -> bool {
        !self.without.iter().any(|without| without == deed)
    }

    fn path(&self, name: &str) -> String {
        format!("/{}/{name}", self.folder)
    }

    /// The key of a name in his folder.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// The prefix of his keys.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/{}/", self.user, self.folder)
    }
}
