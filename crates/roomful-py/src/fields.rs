//! Reading a command's fields from a Python mapping, and writing an event's. Used by the conversions of each submodule.
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use roomful_sfu::command::Id;

/// A mapping, and whose it is: errors name the command and the field.
pub struct Fields<'a, 'py> {
    /// For error messages.
    pub of: &'a str,
    /// `Mapping[str, Any]`
    pub mapping: &'a Bound<'py, PyAny>,
}

impl<'a, 'py> Fields<'a, 'py> {
    /// The value as it is; ValueError when there is none.
    pub fn raw(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.find(name)?
            .ok_or_else(|| PyValueError::new_err(format!("{}: the field {name} is missing", self.of)))
    }

    /// The value as it is, where there is one.
    fn find(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        // An exception for each missing field would cost more than all the rest.
        if let Ok(dict) = self.mapping.cast::<PyDict>() {
            return dict.get_item(name);
        }
        match self.mapping.get_item(name) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<PyKeyError>(self.mapping.py()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The value converted, as [`Self::get`]; None when it is missing, or None.
    pub fn maybe<T: FromPyObjectOwned<'py>>(&self, name: &str) -> PyResult<Option<T>> {
        match self.find(name)?.filter(|value| !value.is_none()) {
            Some(value) => value
                .extract::<T>()
                .map(Some)
                .map_err(|error| self.unfit(name, error.into())),
            None => Ok(None),
        }
    }

    /// The value as it is; None when it is missing, or None.
    pub fn maybe_raw(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.find(name)?.filter(|value| !value.is_none()))
    }

    /// The value converted; TypeError or OverflowError when it does not fit.
    pub fn get<T: FromPyObjectOwned<'py>>(&self, name: &str) -> PyResult<T> {
        self.raw(name)?
            .extract::<T>()
            .map_err(|error| self.unfit(name, error.into()))
    }

    /// A `str`.
    pub fn id(&self, name: &str) -> PyResult<Id> {
        Ok(self.get::<String>(name)?.into())
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> PyResult<T> {
        self.raw(name)?;
        self.maybe_word(name, known)?
            .ok_or_else(|| PyTypeError::new_err(format!("{}: {name} is None", self.of)))
    }

    /// One of a few words; None when it is missing, or None.
    pub fn maybe_word<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> PyResult<Option<T>> {
        let Some(word) = self.maybe::<String>(name)? else {
            return Ok(None);
        };
        known
            .iter()
            .find(|(text, _)| *text == word)
            .map(|(_, value)| Some(*value))
            .ok_or_else(|| {
                let words: Vec<&str> = known.iter().map(|(text, _)| *text).collect();
                PyValueError::new_err(format!(
                    "{}: {name} is {word:?}, not one of {}",
                    self.of,
                    words.join(", ")
                ))
            })
    }

    fn unfit(&self, name: &str, error: PyErr) -> PyErr {
        let py = self.mapping.py();
        if error.is_instance_of::<PyTypeError>(py) {
            PyTypeError::new_err(format!("{}: {name}: {}", self.of, error.value(py)))
        } else {
            PyValueError::new_err(format!("{}: {name}: {}", self.of, error.value(py)))
        }
    }
}

/// Writes a dict literal with interned keys.
macro_rules! dict {
    ($py:expr; $($key:ident: $value:expr),* $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item(pyo3::intern!($py, stringify!($key)), $value)?;)*
        dict
    }};
}
pub(crate) use dict;

/// `(name, fields)`
pub fn named<'py>(py: Python<'py>, name: &str, fields: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, [PyString::intern(py, name).into_any(), fields.into_any()])
}
