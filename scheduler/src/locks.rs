//! The locks: per account a count of the accesses handed out, and a queue of those that wait.
//!
//! **A lock is granted in one place: [`LockTable::grant`]**, the line `account.dispatched += 1`. It is
//! reached only through `Scheduler::next_batch`, for a task whose accesses are all *front* (no waiting
//! access that conflicts with them is ahead in any queue) and whose *holders*
//! ([`AccountLocks::holder`]) are none, or the very thread that gets the task. It is given back in
//! [`LockTable::release`], which lets go of those that wait for it.
//!
//! An account's queue holds its waiting accesses in insertion order. Front are the leading readers, or
//! the writer at the head. What holds a front access can only go away: nothing conflicting is handed
//! out before it, since that would stand behind it. So an access turns front once, and free once, and
//! a popular account with thousands of readers costs each of them a constant, no matter how many
//! complete meanwhile.
//!
//! Most accounts have one access in flight, and cost one touch of their cache line: an access that
//! finds its account idle is *alone*. It has its lock from the moment its task is handed out, and until
//! that is complete, with nothing written: it stays in the account's queue, and is left behind there
//! when it is gone. Its node says to which account it belongs, so that nobody takes it for an access in
//! flight ([`LockTable::alone_in`]). Only when a second access comes, [`LockTable::share`] writes down
//! what the first one holds.

use crate::tasks::{Standing, Tasks};
use crate::types::{Access, AccountIndex};

/// No index.
pub(crate) const NONE: u32 = u32::MAX;
/// Holder of an access that nothing handed out stands in the way of.
pub(crate) const FREE: u8 = u8::MAX;
/// Holder of a writer that waits for readers on several threads. Threads are below.
pub(crate) const MANY: u8 = 64;

/// An account's locks: half a cache line. Outside of this crate it is a place, to be loaded ahead of its
/// use, and nothing else.
#[derive(Clone)]
#[repr(align(32))]
pub struct AccountLocks {
    /// The queue of waiting accesses; or the access that is alone, or was.
    head: u32,
    tail: u32,
    /// Accesses handed out and not complete.
    dispatched: u32,
    /// The writers among them. If there are any, all of `dispatched` is on one thread.
    writers: u32,
    /// How many tasks its thread had been handed when the last of `dispatched` went there; readers
    /// behind a writer do not count, so that readers waiting with them see how far back the writer is.
    handed_out: u32,
    /// Longest chain of conflicts that ends in a write, and in a read, of this account; see `epoch`.
    writer_depth: u32,
    reader_depth: u32,
    /// The measurement that the two depths belong to.
    epoch: u16,
    /// The thread of all of `dispatched`, or `MANY`, or `FREE` if there are none.
    thread: u8,
}

impl AccountLocks {
    const UNUSED: Self = Self {
        head: NONE,
        tail: NONE,
        dispatched: 0,
        writers: 0,
        handed_out: 0,
        writer_depth: 0,
        reader_depth: 0,
        epoch: 0,
        thread: FREE,
    };

    /// Who stands in the way of a front access: the thread that it could follow, `MANY`, or `FREE`.
    /// Readers share; a writer waits for all.
    fn holder(&self, write: bool) -> u8 {
        let conflicting = if write { self.dispatched } else { self.writers };
        if conflicting == 0 { FREE } else { self.thread }
    }

    /// Length of the longest chain measured in `epoch` that another access would prolong.
    #[inline]
    fn depth_before(&mut self, write: bool, epoch: u16) -> u32 {
        if self.epoch != epoch {
            self.epoch = epoch;
            (self.writer_depth, self.reader_depth) = (0, 0);
        }
        if write {
            self.writer_depth.max(self.reader_depth)
        } else {
            self.writer_depth
        }
    }
}

/// One access of a task in flight, 16 bytes.
#[derive(Clone, Copy)]
struct Node {
    /// `NONE` of an unused node.
    account: AccountIndex,
    task: u32,
    /// The task's next access; also links unused nodes.
    sibling: u32,
    write: bool,
    /// Found its account idle, and no other access came since: not in the account's counts.
    alone: bool,
    /// No waiting access that conflicts is ahead.
    front: bool,
    /// If front: who holds it.
    holder: u8,
}

/// Neighbours of a waiting access in its account's queue. Not kept up for one that is alone.
#[derive(Clone, Copy)]
struct Links {
    previous: u32,
    next: u32,
}

/// What `LockTable::enqueue` made.
pub(crate) struct Enqueued {
    /// The first access.
    pub(crate) first: u32,
    pub(crate) standing: Standing,
    /// Whether all accesses are alone.
    pub(crate) alone: bool,
}

/// The locks of all accounts, and the accesses of all tasks in flight.
#[derive(Clone)]
pub(crate) struct LockTable {
    accounts: Vec<AccountLocks>,
    nodes: Vec<Node>,
    links: Vec<Links>,
    unused: u32,
    unused_len: usize,
    epoch: u16,
    longest_chain: u32,
}

impl LockTable {
    pub(crate) fn new(accesses_max: usize) -> Self {
        assert!(
            accesses_max < 1 << 24,
            "accesses_max must be below 16 million"
        );
        let nodes = (0..accesses_max as u32).map(|index| Node {
            account: NONE,
            task: NONE,
            sibling: if index + 1 < accesses_max as u32 {
                index + 1
            } else {
                NONE
            },
            write: false,
            alone: false,
            front: false,
            holder: FREE,
        });
        Self {
            accounts: Vec::new(),
            nodes: nodes.collect(),
            links: vec![
                Links {
                    previous: NONE,
                    next: NONE,
                };
                accesses_max
            ],
            unused: if accesses_max == 0 { NONE } else { 0 },
            unused_len: accesses_max,
            epoch: 0,
            longest_chain: 0,
        }
    }

    /// Accesses that there is room for.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.unused_len
    }

    /// Accounts that there is room for.
    #[inline]
    pub(crate) fn accounts_len(&self) -> usize {
        self.accounts.len()
    }

    #[inline]
    pub(crate) fn locks_of(&self, account: AccountIndex) -> Option<&AccountLocks> {
        self.accounts.get(account as usize)
    }

    /// Makes room for accounts below `count`.
    pub(crate) fn grow(&mut self, count: usize) {
        if count > self.accounts.len() {
            self.accounts.resize(count, AccountLocks::UNUSED);
        }
    }

    /// Puts a task's accesses at the end of their accounts' queues. There is room for them and for
    /// their accounts.
    #[inline]
    pub(crate) fn enqueue(
        &mut self,
        task: u32,
        accesses: &[Access],
        tasks: &mut Tasks,
    ) -> Enqueued {
        let mut enqueued = Enqueued {
            first: if accesses.is_empty() {
                NONE
            } else {
                self.unused
            },
            standing: Standing::default(),
            alone: true,
        };
        let mut depth = 0;
        let mut last = NONE;
        for access in accesses {
            let index = self.unused;
            let account = &mut self.accounts[access.account as usize];
            depth = depth.max(account.depth_before(access.write, self.epoch));
            let idle = account.dispatched == 0
                && self
                    .nodes
                    .get(account.head as usize)
                    .is_none_or(|node| node.account != access.account);
            let (mut front, mut holder) = (true, FREE);
            if idle {
                (account.head, account.tail) = (index, index);
            } else {
                enqueued.alone = false;
                (front, holder) = self.append(index, task, *access, tasks);
                if front {
                    enqueued.standing.hold(holder);
                } else {
                    enqueued.standing.block();
                }
            }
            let node = &mut self.nodes[index as usize];
            self.unused = node.sibling;
            *node = Node {
                account: access.account,
                task,
                sibling: node.sibling,
                write: access.write,
                alone: idle,
                front,
                holder,
            };
            last = index;
        }
        if last != NONE {
            self.nodes[last as usize].sibling = NONE;
            self.unused_len -= accesses.len();
        }
        self.measure_chain(accesses, depth.saturating_add(1));
        enqueued
    }

    /// Puts an access at the end of the queue of an account that is in use. Gives whether it is front,
    /// and who holds it if so.
    #[inline(never)]
    fn append(&mut self, index: u32, task: u32, access: Access, tasks: &mut Tasks) -> (bool, u8) {
        self.share(access.account, task, tasks);
        let account = &mut self.accounts[access.account as usize];
        let holder = account.holder(access.write);
        let tail = std::mem::replace(&mut account.tail, index);
        self.links[index as usize] = Links {
            previous: tail,
            next: NONE,
        };
        if tail == NONE {
            account.head = index;
            return (true, holder);
        }
        self.links[tail as usize].next = index;
        let behind = &self.nodes[tail as usize];
        assert!(
            behind.task != task,
            "account {} twice in a set",
            access.account
        );
        (behind.front && !behind.write && !access.write, holder)
    }

    /// The access that is alone in an account, if one is.
    #[inline]
    fn alone_in(&self, account: AccountIndex) -> Option<u32> {
        let index = self.accounts.get(account as usize)?.head;
        let node = self.nodes.get(index as usize)?;
        (node.account == account && node.alone).then_some(index)
    }

    /// `task` is about to join an account: if an access is alone there, it is made one of several, as
    /// if it had been so from the beginning.
    #[inline]
    fn share(&mut self, account: AccountIndex, task: u32, tasks: &mut Tasks) {
        let Some(index) = self.alone_in(account) else {
            return;
        };
        let node = &mut self.nodes[index as usize];
        assert!(node.task != task, "account {account} twice in a set");
        node.alone = false;
        let locks = &mut self.accounts[account as usize];
        if let Some((thread, handed_out)) = tasks.share(node.task) {
            locks.dispatched = 1;
            locks.writers = u32::from(node.write);
            locks.thread = thread;
            locks.handed_out = handed_out;
            (locks.head, locks.tail) = (NONE, NONE);
        } else {
            self.links[index as usize] = Links {
                previous: NONE,
                next: NONE,
            };
        }
    }

    /// Grants `thread` the locks of a task whose accesses are all front, and free or held by `thread`.
    /// Those that waited for nothing but this task turn front. `handed_out` counts the tasks handed to
    /// `thread`, this one included.
    pub(crate) fn grant(&mut self, first: u32, thread: u8, handed_out: u32, tasks: &mut Tasks) {
        let mut index = first;
        while index != NONE {
            let Node {
                account,
                sibling,
                write,
                alone,
                front,
                ..
            } = self.nodes[index as usize];
            if alone {
                index = sibling;
                continue;
            }
            let locks = &mut self.accounts[account as usize];
            debug_assert!(front, "a lock granted past a waiting task");
            debug_assert!(
                matches!(locks.holder(write), holder if holder == FREE || holder == thread),
                "a lock granted against another thread's"
            );
            // The line that grants a lock.
            locks.dispatched += 1;
            locks.writers += u32::from(write);
            locks.thread = match locks.thread {
                FREE => thread,
                same if same == thread => thread,
                _ => MANY,
            };
            if write || locks.writers == 0 {
                locks.handed_out = handed_out;
            }
            let Links { previous, next } = self.links[index as usize];
            self.unlink(account, previous, next);
            if previous == NONE && next != NONE {
                self.turn_front(account, next, tasks);
            }
            index = sibling;
        }
    }

    /// Gives back the locks of a completed task, and its nodes. Accesses that only this task held
    /// become free.
    #[inline]
    pub(crate) fn release(&mut self, first: u32, tasks: &mut Tasks) {
        let mut index = first;
        let mut last = NONE;
        let mut count = 0;
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            let Node {
                account,
                sibling,
                write,
                alone,
                ..
            } = *node;
            node.account = NONE;
            if !alone {
                let locks = &mut self.accounts[account as usize];
                locks.dispatched -= 1;
                locks.writers -= u32::from(write);
                if locks.dispatched == 0 {
                    locks.thread = FREE;
                }
                if locks.head != NONE {
                    self.free_front(account, write, tasks);
                }
            }
            last = index;
            count += 1;
            index = sibling;
        }
        if last != NONE {
            self.nodes[last as usize].sibling = self.unused;
            self.unused = first;
            self.unused_len += count;
        }
    }

    /// How many tasks were handed to a task's holder since the last one that the task waits for. It is
    /// front everywhere and held by one thread, `handed_out` being that thread's count now.
    pub(crate) fn tasks_since_holder(&self, first: u32, handed_out: u32) -> u32 {
        let mut least = u32::MAX;
        let mut index = first;
        while index != NONE {
            let node = &self.nodes[index as usize];
            if node.holder != FREE {
                let then = self.accounts[node.account as usize].handed_out;
                least = least.min(handed_out.wrapping_sub(then));
            }
            index = node.sibling;
        }
        least
    }

    /// Whether no task in flight names this account.
    pub(crate) fn is_idle(&self, account: AccountIndex) -> bool {
        let locks = self.accounts.get(account as usize);
        locks.is_none_or(|locks| {
            let head = self.nodes.get(locks.head as usize);
            locks.dispatched == 0 && head.is_none_or(|node| node.account != account)
        })
    }

    /// Takes an idle account back to its first state.
    pub(crate) fn forget(&mut self, account: AccountIndex) {
        assert!(self.is_idle(account), "account {account} is in use");
        if let Some(locks) = self.accounts.get_mut(account as usize) {
            *locks = AccountLocks::UNUSED;
        }
    }

    /// Length of the longest chain of conflicts inserted since `reset_longest_chain`.
    pub(crate) fn longest_chain(&self) -> u32 {
        self.longest_chain
    }

    /// Forgets the chains measured so far: depths of another epoch count as none.
    pub(crate) fn reset_longest_chain(&mut self) {
        self.longest_chain = 0;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            // The first epochs come again: their stamps must not be left over.
            for account in &mut self.accounts {
                (account.writer_depth, account.reader_depth) = (0, 0);
            }
        }
    }

    #[inline]
    fn unlink(&mut self, account: AccountIndex, previous: u32, next: u32) {
        if previous == NONE {
            self.accounts[account as usize].head = next;
        } else {
            self.links[previous as usize].next = next;
        }
        if next == NONE {
            self.accounts[account as usize].tail = previous;
        } else {
            self.links[next as usize].previous = previous;
        }
    }

    /// `head` is the new head of an account's queue: it and, if it reads, the readers behind it are
    /// front now, unless they were before.
    #[inline]
    fn turn_front(&mut self, account: AccountIndex, head: u32, tasks: &mut Tasks) {
        let locks = &self.accounts[account as usize];
        let mut index = head;
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            if node.front || (node.write && index != head) {
                return;
            }
            node.front = true;
            node.holder = locks.holder(node.write);
            tasks.access_is_front(node.task, node.holder);
            if node.write {
                return;
            }
            index = self.links[index as usize].next;
        }
    }

    /// An access of this account is complete, `write` or not: the front accesses that it was the last
    /// to hold are free. A writer at the head waits for all; leading readers wait for writers, and
    /// have been free ever since the last of those was complete.
    #[inline]
    fn free_front(&mut self, account: AccountIndex, write: bool, tasks: &mut Tasks) {
        let locks = &self.accounts[account as usize];
        let head = &mut self.nodes[locks.head as usize];
        if head.write {
            if locks.dispatched == 0 {
                let holder = std::mem::replace(&mut head.holder, FREE);
                tasks.access_is_free(head.task, holder);
            }
            return;
        }
        if !write || locks.writers > 0 {
            return;
        }
        let mut index = locks.head;
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            if node.write {
                return;
            }
            let holder = std::mem::replace(&mut node.holder, FREE);
            tasks.access_is_free(node.task, holder);
            index = self.links[index as usize].next;
        }
    }

    /// A task of this depth has been inserted: one more than the deepest of those that it conflicts
    /// with.
    #[inline]
    fn measure_chain(&mut self, accesses: &[Access], depth: u32) {
        for access in accesses {
            let account = &mut self.accounts[access.account as usize];
            if access.write {
                account.writer_depth = depth;
            } else {
                account.reader_depth = account.reader_depth.max(depth);
            }
        }
        self.longest_chain = self.longest_chain.max(depth);
    }
}
