//! The talk with systemd (sd_notify(3)): ready, watchdog, reloading, stopping. Silent where
//! `$NOTIFY_SOCKET` is not set.
