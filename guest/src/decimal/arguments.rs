//! What the functions of numbers take. Used by `decimal` alone.

use rustpython_vm::{FromArgs, PyObjectRef, function::OptionalArg};

#[derive(FromArgs)]
pub(crate) struct Quantum {
    #[pyarg(any)]
    pub(crate) exp: PyObjectRef,
    #[pyarg(any, optional)]
    pub(crate) rounding: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    pub(crate) context: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct Operand {
    #[pyarg(any)]
    pub(crate) other: PyObjectRef,
    #[pyarg(any, optional)]
    pub(crate) context: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct Magnitude {
    #[pyarg(any, optional)]
    pub(crate) round: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    pub(crate) context: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct Only {
    #[pyarg(any, optional)]
    pub(crate) context: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct Notation {
    #[pyarg(any, optional)]
    pub(crate) eng: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    pub(crate) context: OptionalArg<PyObjectRef>,
}

#[derive(FromArgs)]
pub(crate) struct Literal {
    #[pyarg(any, optional)]
    pub(crate) value: OptionalArg<PyObjectRef>,
    #[pyarg(any, optional)]
    pub(crate) context: OptionalArg<PyObjectRef>,
}
