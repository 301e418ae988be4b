//! Reading a command's fields from a Python mapping. Used by `commands` only.
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
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
        self.mapping.get_item(name).map_err(|error| {
            match error.is_instance_of::<PyKeyError>(self.mapping.py()) {
                true => PyValueError::new_err(format!("{}: the field {name} is missing", self.of)),
                false => error,
            }
        })
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
    pub fn word<T>(&self, name: &str, known: &[(&str, T)]) -> PyResult<T>
    where
        T: Copy,
    {
        let word = self.get::<String>(name)?;
        known
            .iter()
            .find(|(text, _)| *text == word)
            .map(|(_, value)| *value)
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
