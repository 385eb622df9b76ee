//! A partner who works on files of his own until the gateway dies under him.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use sftp::OpenFlags;
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
    /// Gets a permit with each acknowledged deed.
    pub(crate) done: Arc<Semaphore>,
    /// Deeds that he leaves out.
    pub(crate) without: Vec<String>,
}

/// Names in a partner's folder; few, so that he comes back to them.
const NAMES: [&str; 6] = ["a", "b", "c.csv", "d e.xml", "ü", "f"];
/// Names in his directory.
const BELOW: [&str; 3] = ["x", "y.csv", "deeper/z"];
/// What makes a name temporary, by the gateway's defaults.
pub(crate) const TEMPORARY: &str = ".part";

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
        let name = self.draw_name();
        let other = self.draw_name();
        let exists = self.ledger.tree.contains_key(&self.key(&name)) && self.is_free(&name);
        let other_is_free = other != name && self.is_free(&other);
        match self.dice.below(14) {
            0 if exists => self.remove(session, &name).await,
            1 if exists => self.set_time(session, &name).await,
            2 if exists => self.check(session, &name).await,
            3..5 if exists && other_is_free && self.does("rename") => {
                self.rename(session, &name, &other).await
            }
            5..8 if self.does("temporary") => self.temporary(session).await,
            8 if self.does("directory") => self.rename_directory(session).await,
            _ => self.upload(session, &name).await,
        }
    }

    /// In his folder, or in the directory below it.
    pub(crate) fn draw_name(&mut self) -> String {
        match self.dice.below(4) {
            0 => format!("{}/{}", self.directory(), self.dice.pick(&BELOW)),
            _ => (*self.dice.pick(&NAMES)).to_owned(),
        }
    }

    /// Whether nothing was begun under a name that is not closed since.
    pub(crate) fn is_free(&self, name: &str) -> bool {
        !self.ledger.begun.contains_key(name)
    }

    /// The directory that he renames now and then.
    pub(crate) fn directory(&self) -> String {
        format!("d{}", self.ledger.directory)
    }

    /// Uploads something new, over what may stand there.
    pub(crate) async fn upload(&mut self, session: &mut Session, name: &str) -> Result<(), Stop> {
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
        let mut name = self.draw_name();
        let temporary = format!("{name}{TEMPORARY}");
        // One that is closed already is not touched.
        let is_closed = self.ledger.staged.contains_key(&self.key(&temporary));
        if self.dice.below(4) == 0 && !is_closed && self.does("temporary") {
            name = temporary;
        }
        let content = self.draw_content(&name).await?;
        let end = self.dice.below(content.size() + 1);
        let broken_off = self.broken_off(&name, content);
        self.ledger.unanswered = vec![broken_off.clone()];
        let handle = session.create(&self.path(&name), true).await?;
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
        let stands = self.sent(name, content);
        let broken_off = self.broken_off(name, content);
        self.ledger.unanswered = vec![broken_off.clone()];
        let handle = session.create(&self.path(name), from.is_none()).await?;
        let from = from.unwrap_or(0);
        let block = |offset| content.block(offset);
        session.write(&handle, from, content.size(), block).await?;
        self.ledger.unanswered = vec![broken_off, stands.clone()];
        session.close(&handle).await?;
        self.ledger.begun.remove(name);
        self.acknowledge("upload", stands);
        Ok(())
    }

    /// What the CLOSE of a file brings about: an object and its event, or a temporary file that
    /// nobody else may ever see.
    fn sent(&self, name: &str, content: Content) -> Outcome {
        let key = self.key(name);
        if name.ends_with(TEMPORARY) {
            let mut outcome = self.unchanged("the temporary file is closed");
            outcome.staged.insert(key, content);
            return outcome;
        }
        self.expected.add(&key, &content);
        let mut tree = self.ledger.tree.clone();
        tree.insert(key.clone(), content);
        Outcome {
            events: vec![("upload", key)],
            ..self.changed("the upload stands", tree)
        }
    }

    /// Whether the gateway shows what broke off; it may notice a cut connection a little later
    /// than its client.
    async fn is_unfinished(&self, session: &mut Session, name: &str) -> Result<bool, Stop> {
        for _ in 0..LOOKS {
            let path = self.path(name);
            let (folder, name) = path.rsplit_once('/').unwrap_or_default();
            let long = session.long_name(folder, name).await?;
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

    pub(crate) fn broken_off(&self, name: &str, content: Content) -> Outcome {
        Outcome {
            unfinished: Some((name.to_owned(), content)),
            ..self.unchanged("the upload broke off")
        }
    }

    pub(crate) fn unchanged(&self, name: &'static str) -> Outcome {
        self.changed(name, self.ledger.tree.clone())
    }

    /// An outcome after which nothing is unfinished: one session does one thing at a time.
    pub(crate) fn changed(&self, name: &'static str, tree: Tree) -> Outcome {
        Outcome {
            name,
            tree,
            staged: self.ledger.staged.clone(),
            directory: self.ledger.directory,
            events: Vec::new(),
            unfinished: None,
        }
    }

    pub(crate) fn acknowledge(&mut self, deed: &'static str, outcome: Outcome) {
        self.ledger.acknowledge(outcome);
        self.done.add_permits(1);
        *self.ledger.acknowledged.entry(deed).or_default() += 1;
    }

    fn does(&self, deed: &str) -> bool {
        !self.without.iter().any(|without| without == deed)
    }

    pub(crate) fn path(&self, name: &str) -> String {
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
