//! How wasmtime is configured: what code may do, how much stack it has, and how instances are pooled.
//! Called when a sandbox is built and when an image is prepared. Both must agree, or the image is not accepted.
//! What the snapshot is taken with (`guest/snapshot`) has the same proposals.

use super::image::{self, ImageError, ImageTarget};
use crate::limits::Limits;
use std::num::NonZeroU32;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// What compiled code may use. Interpreted recursion is bounded by the interpreter at half of its shadow stack, which
/// is 8 MiB; code that recurses natively without touching that stack ends here, with a trap.
const WASM_STACK: usize = 32 << 20;

/// Host functions run on the same fiber. The gap is larger than any thread's usual stack, and no host function recurses
/// on what a guest gave it, so a guest at the very end of its stack cannot overflow the host's: THREAT[DOS-07].
const FIBER_STACK: usize = WASM_STACK + (16 << 20);

/// The snapshot holds tens of megabytes in one piece; every run maps them instead of copying.
const LARGEST_IMAGE: u64 = 512 << 20;

/// Pages that a typical script dirties are restored by copying; beyond that by dropping them.
const KEEP_RESIDENT: usize = 4 << 20;

/// Functions whose address is taken, and room to grow.
const TABLE_ELEMENTS: usize = 200_000;

/// The machines that levels of processors are known of, as compilers name them.
const LEVELLED: &str = "x86_64-unknown-linux-gnu";

fn config() -> Config {
    let mut config = Config::new();
    config
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        // THREAT[ISO-01]: wasm cannot read its machine stack, but what one run left there is not left for the next.
        .async_stack_zeroing(true)
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(LARGEST_IMAGE)
        .cranelift_opt_level(OptLevel::Speed)
        // Nobody reads native frames of the interpreter; Python tracebacks come from the interpreter itself.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(false)
        // What is seldom done lies apart: where the guest gives way to the host. It changes nothing of what code does.
        .wasm_branch_hinting(true)
        // Proposals that the guest is not built with. Fewer instructions, fewer advisories.
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_extended_const(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
    config
}

/// The engine that scripts run in.
pub(super) fn pooled(instances: NonZeroU32) -> Result<Engine, ImageError> {
    pooled_for(ImageTarget::Native, instances)
}

/// The same, whose code is for these processors.
pub(super) fn pooled_for(target: ImageTarget, instances: NonZeroU32) -> Result<Engine, ImageError> {
    let instances = instances.get();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances)
        .total_stacks(instances)
        .max_memory_size(Limits::MOST_MEMORY)
        .max_core_instance_size(4 << 20)
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(instances)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let failed = |error: wasmtime::Error| ImageError::Engine(format!("{error:#}"));
    if let ImageTarget::Level(level) = target {
        // Named, it has none of what this processor has besides.
        config.target(LEVELLED).map_err(failed)?;
        image::assume(&mut config, level);
    }
    Engine::new(&config).map_err(failed)
}
