"""Semihosting: what a program asks of its host with BKPT 0xAB.

Arm, "Semihosting for AArch32 and AArch64". r0 holds the number of an operation, r1 its parameter, most often
the address of a block of words; the result goes to r0. Cortex-M asks by BKPT 0xAB alone.

    operations      the table of operations
    arguments       what the parameter points at: blocks, strings, buffers, believed only after a check
    files           handles, and the two special names ':tt' and ':semihosting-features'
    host            what a host must be able to do; why it refuses
    client_console  output as text for GDB's console
    console         a host with a console and no files: GDB's console
    gdb             a host whose console and files are GDB's, by File-I/O
    terminal        the server's own terminal; terminal_host a host with it and files below a named directory
    rooted          files below a directory and nothing outside it
    calls           one operation: parameters read, host asked, result found
    service         where it plugs into a session
    monitor         what may be changed at GDB's prompt
"""
