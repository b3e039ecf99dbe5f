  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $rmdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $proc_raise (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $sock_shutdown (param i32 i32) (result i32)))

  ;; 0: an answer, 4: its second half, 8: one vector, 16 to 64: digits, 1024: texts, 65536: a buffer of 64 KiB.
  (memory (export "memory") 3)
  (table 2 funcref)

  (func $vector (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 8) (local.get $at))
    (i32.store (i32.const 12) (local.get $length))
    (i32.const 8))

  (func $print (param $at i32) (param $length i32)
    (drop (call $fd_write (i32.const 1) (call $vector (local.get $at) (local.get $length)) (i32.const 1) (i32.const 4))))

  ;; A number and the end of its line.
  (func $number (param $value i32) (local $at i32)
    (local.set $at (i32.const 63))
    (i32.store8 (i32.const 63) (i32.const 10))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (local.set $value (i32.div_u (local.get $value) (i32.const 10)))
      (br_if $digits (local.get $value)))
    (call $print (local.get $at) (i32.sub (i32.const 64) (local.get $at))))

  ;; Ends the program with a call's error as its exit code.
  (func $must (param $error i32)
    (if (local.get $error) (then (call $proc_exit (local.get $error)))))

  ;; A file for reading; its number is at 0.
  (func $open (param $directory i32) (param $at i32) (param $length i32) (result i32)
    (call $path_open (local.get $directory) (i32.const 1) (local.get $at) (local.get $length)
      (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 0)))

  ;; A new empty file for writing.
  (func $create (param $directory i32) (param $at i32) (param $length i32) (result i32)
    (call $path_open (local.get $directory) (i32.const 1) (local.get $at) (local.get $length)
      (i32.const 9) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 0)))

  (func $open_directory (param $directory i32) (param $at i32) (param $length i32) (result i32)
    (call $path_open (local.get $directory) (i32.const 1) (local.get $at) (local.get $length)
      (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)))

  (func $write (param $file i32) (param $at i32) (param $length i32) (result i32)
    (call $fd_write (local.get $file) (call $vector (local.get $at) (local.get $length)) (i32.const 1) (i32.const 4)))

  (func $put (param $directory i32) (param $at i32) (param $length i32) (param $text i32) (param $bytes i32)
    (call $must (call $create (local.get $directory) (local.get $at) (local.get $length)))
    (call $must (call $write (i32.load (i32.const 0)) (local.get $text) (local.get $bytes)))
    (call $must (call $fd_close (i32.load (i32.const 0)))))

  ;; What a file begins with is put into the buffer; the number of bytes comes back.
  (func $get (param $directory i32) (param $at i32) (param $length i32) (result i32)
    (call $must (call $open (local.get $directory) (local.get $at) (local.get $length)))
    (call $must (call $fd_read (i32.load (i32.const 0)) (call $vector (i32.const 65536) (i32.const 65536))
      (i32.const 1) (i32.const 4)))
    (call $must (call $fd_close (i32.load (i32.const 0))))
    (i32.load (i32.const 4)))
