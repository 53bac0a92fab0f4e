//! The real binary, as systemd starts, asks, reloads and stops it, and as `make install` puts it
//! down.

mod install;
mod notify;
mod refuse;
mod stop;
