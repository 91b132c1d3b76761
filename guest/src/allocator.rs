//! The guest's global allocator: a free list per size, filled from one advancing region.
//!
//! An interpreter allocates small blocks in great numbers, so a block costs a pop and a push. Fresh blocks come in the
//! order of their allocation from one region, which keeps what a script makes on few pages: every page that a run
//! touches is a page fault when it starts and a page to restore when it ends. [`seal`] is called when the snapshot
//! is about to be taken: blocks that were freed before then lie scattered over the interpreter's own pages, so they
//! are set aside until the fresh region is used up.

#![expect(unsafe_code, reason = "a global allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// Blocks up to this size come from the lists; larger ones from the system allocator, which can split and merge.
const LARGEST: usize = 2048;
/// Sizes are multiples of this, which is also the alignment of every block.
const STEP: usize = 16;
const CLASSES: usize = LARGEST / STEP;
/// How much the region advances by when it is used up.
const REGION: usize = 256 * 1024;
/// What [`seal`] reserves: the first region of a run, already part of the memory that the snapshot describes.
const FIRST_REGION: usize = 5 * 512 * 1024;
/// And the memory of its first large blocks, so that a small script need not ask the host for more.
const FIRST_LARGE: usize = 5 * 256 * 1024;
/// A free piece of the snapshot that is larger is worth keeping.
const LARGEST_HOLE: usize = 64 * 1024;

/// A request of at least this size is told that there is no memory left, as a script can ask for less. Where a smaller one
/// cannot be met nothing can go on, and the standard library would say so on the script's standard error.
const LARGEST_VITAL: usize = 1 << 20;

/// A free block holds the address of the next one.
struct Block {
    next: *mut Block,
}

struct Lists {
    free: [*mut Block; CLASSES],
    /// Freed before the snapshot; used when the region has to grow.
    aside: [*mut Block; CLASSES],
    next: *mut u8,
    end: *mut u8,
    /// Bytes of blocks of the lists that have ever been handed out, and of large blocks that are in use.
    used: usize,
    highest: usize,
}

struct Allocator(UnsafeCell<Lists>);

// SAFETY: the guest is a single thread; wasm threads are switched off in the engine and in the target.
unsafe impl Sync for Allocator {}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(Lists {
    free: [ptr::null_mut(); CLASSES],
    aside: [ptr::null_mut(); CLASSES],
    next: ptr::null_mut(),
    end: ptr::null_mut(),
    used: 0,
    highest: 0,
}));

/// How many bytes are in use, and the most there were since the mark was last reset. Small blocks that were freed count as
/// used: counting them as well would be on the way of every allocation.
pub fn used() -> (usize, usize) {
    // SAFETY: one thread, and no reference into the lists outlives this call.
    let lists = unsafe { &*ALLOCATOR.0.get() };
    (lists.used, lists.highest)
}

/// Forgets how much was once in use.
pub fn reset_highest() {
    // SAFETY: one thread, and no reference into the lists outlives this call.
    let lists = unsafe { &mut *ALLOCATOR.0.get() };
    lists.highest = lists.used;
}

/// Sets the free blocks aside and reserves the region that the first allocations of every run will come from.
pub fn seal() {
    // SAFETY: one thread, and no reference into the lists outlives this call.
    let lists = unsafe { &mut *ALLOCATOR.0.get() };
    for (free, aside) in lists.free.iter_mut().zip(lists.aside.iter_mut()) {
        *aside = std::mem::replace(free, ptr::null_mut());
    }
    fill_holes();
    lists.advance(FIRST_REGION);
    // SAFETY: neither is zero, and the alignment is a power of two.
    let room = unsafe { Layout::from_size_align_unchecked(FIRST_LARGE, STEP) };
    // SAFETY: it is given back with the layout that it was allocated with.
    unsafe { System.dealloc(System.alloc(room), room) };
}

/// Takes the small free pieces between the large blocks of the snapshot out of use, so that the large blocks of a run lie
/// side by side. Where much is free in one piece it stays free.
fn fill_holes() {
    let end = core::arch::wasm32::memory_size::<0>() << 16;
    let mut large: *mut Block = ptr::null_mut();
    let mut size = LARGEST_HOLE * 16;
    while size > LARGEST / 2 {
        // SAFETY: the size is not zero and the alignment is a power of two.
        let layout = unsafe { Layout::from_size_align_unchecked(size, STEP) };
        // SAFETY: the layout's size is not zero.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() || block as usize >= end {
            // SAFETY: it was allocated with this layout.
            unsafe { System.dealloc(block, layout) };
            size -= size / 8;
        } else if size > LARGEST_HOLE {
            let block: *mut Block = block.cast();
            // SAFETY: the block was just allocated, and is large enough.
            unsafe { (*block).next = large };
            large = block;
        }
    }
    while !large.is_null() {
        let block = large;
        // SAFETY: every block of this list was written above. The C library knows the size of a block by itself.
        unsafe {
            large = (*block).next;
            System.dealloc(
                block.cast(),
                Layout::from_size_align_unchecked(LARGEST_HOLE, STEP),
            );
        }
    }
}

impl Lists {
    fn advance(&mut self, size: usize) -> bool {
        // SAFETY: the size is not zero and the alignment is a power of two.
        let region = unsafe { System.alloc(Layout::from_size_align_unchecked(size, STEP)) };
        if region.is_null() {
            return false;
        }
        self.next = region;
        // SAFETY: one past the end of the region just allocated.
        self.end = unsafe { region.add(size) };
        true
    }

    #[inline]
    fn take(&mut self, class: usize) -> *mut u8 {
        // SAFETY: `class` is below `CLASSES`, as `class_of` says.
        let head = unsafe { self.free.get_unchecked_mut(class) };
        if !head.is_null() {
            let block = *head;
            // SAFETY: a block on a list was written by `put` and has not been handed out since.
            *head = unsafe { (*block).next };
            return block.cast();
        }
        self.fresh(class)
    }

    fn fresh(&mut self, class: usize) -> *mut u8 {
        let size = (class + 1) * STEP;
        if (self.end as usize) - (self.next as usize) < size {
            // SAFETY: `class` is below `CLASSES`.
            let (free, aside) = unsafe {
                (
                    self.free.get_unchecked_mut(class),
                    self.aside.get_unchecked_mut(class),
                )
            };
            if !aside.is_null() {
                *free = std::mem::replace(aside, ptr::null_mut());
                return self.take(class);
            }
            if !self.advance(REGION) {
                core::arch::wasm32::unreachable();
            }
        }
        let block = self.next;
        // SAFETY: the region holds at least `size` more bytes.
        self.next = unsafe { block.add(size) };
        self.count(size);
        block
    }

    #[inline]
    fn count(&mut self, size: usize) {
        self.used = self.used.wrapping_add(size);
        self.highest = self.highest.max(self.used);
    }

    #[inline]
    fn put(&mut self, block: *mut u8, class: usize) {
        // SAFETY: `class` is below `CLASSES`; the block has room for one pointer, is aligned, and is free now.
        unsafe {
            let head = self.free.get_unchecked_mut(class);
            (*block.cast::<Block>()).next = *head;
            *head = block.cast();
        }
    }
}

/// The block, where there is one or its size is such that its absence can be borne. The host knows why this trapped.
#[inline]
fn vital(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() && size < LARGEST_VITAL {
        core::arch::wasm32::unreachable();
    }
    block
}

/// The list that serves this layout, if one does.
#[inline]
fn class_of(layout: Layout) -> Option<usize> {
    let small = layout.size() <= LARGEST && layout.align() <= STEP && layout.size() > 0;
    small.then(|| (layout.size() - 1) / STEP)
}

// SAFETY: blocks are at least as large and as aligned as their layout, belong to one owner at a time because they are
// popped when handed out, and go back to the allocator they came from because both ways ask `class_of`.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            // SAFETY: one thread, and no other reference into the lists is alive.
            Some(class) => unsafe { (*self.0.get()).take(class) },
            // SAFETY: the caller's layout is passed on; one thread.
            None => unsafe {
                (*self.0.get()).count(layout.size());
                vital(System.alloc(layout), layout.size())
            },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            // SAFETY: as above.
            Some(class) => unsafe { (*self.0.get()).put(block, class) },
            // SAFETY: it came from there, with this layout; one thread.
            None => unsafe {
                let lists = &mut *self.0.get();
                lists.used = lists.used.wrapping_sub(layout.size());
                System.dealloc(block, layout);
            },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that the new size does not overflow with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class_of(layout), class_of(wanted)) {
            (Some(old), Some(new)) if old == new => block,
            // SAFETY: both sizes belong to the system allocator, which gave out this block; one thread.
            (None, None) => unsafe {
                let lists = &mut *self.0.get();
                lists.used = lists.used.wrapping_sub(layout.size());
                lists.count(size);
                vital(System.realloc(block, layout, size), size)
            },
            // SAFETY: the new block is not the old one, and the shorter of the two lengths is copied.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}
