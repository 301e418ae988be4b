//! PyO3 conversion and nothing else: one submodule for each part of Rust that Python uses. Decides nothing, keeps nothing.
mod commands;
mod events;
mod fields;
mod hub;
mod media;
mod rtc;
mod turn;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// `roomful._native`
#[pymodule]
mod _native {
    use super::*;

    /// `roomful._native.media`
    #[pymodule]
    mod media {
        use super::*;

        #[pymodule_export]
        use crate::media::{Engine, EngineError};
        #[pymodule_export]
        use crate::turn::Turn;

        #[pymodule_init]
        fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add("COMMANDS", PyTuple::new(module.py(), crate::commands::NAMES)?)?;
            module.add("EVENTS", PyTuple::new(module.py(), crate::events::NAMES)?)?;
            // So that `from roomful._native.media import Engine` finds it, as it finds a module of Python's.
            let modules = module.py().import("sys")?.getattr("modules")?;
            modules.set_item("roomful._native.media", module)
        }
    }

    /// `roomful._native.hub`
    #[pymodule]
    mod hub {
        use super::*;

        #[pymodule_export]
        use crate::hub::{Hub, HubError};

        #[pymodule_init]
        fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add(
                "COMMANDS",
                PyTuple::new(module.py(), crate::hub::commands::NAMES)?,
            )?;
            module.add("EVENTS", PyTuple::new(module.py(), crate::hub::events::NAMES)?)?;
            module.add("FOREIGN", roomful_hub::ConnectionId::FOREIGN)?;
            let modules = module.py().import("sys")?.getattr("modules")?;
            modules.set_item("roomful._native.hub", module)
        }
    }

    /// `roomful._native.rtc`
    #[pymodule]
    mod rtc {
        use super::*;

        #[pymodule_export]
        use crate::rtc::{Channel, Peers, RtcError};

        #[pymodule_init]
        fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add("COMMANDS", PyTuple::new(module.py(), crate::rtc::NAMES)?)?;
            module.add("EVENTS", PyTuple::new(module.py(), crate::rtc::events::NAMES)?)?;
            let modules = module.py().import("sys")?.getattr("modules")?;
            modules.set_item("roomful._native.rtc", module)
        }
    }
}
