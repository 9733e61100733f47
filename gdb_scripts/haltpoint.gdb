# Haltpoint inside GDB: source this file with `gdb -x haltpoint.gdb firmware.elf` (GDB 10 or newer).
# `help haltpoint` lists the commands.

set confirm off
set pagination off
set remotetimeout 6

define-prefix haltpoint
document haltpoint
Commands for a Cortex-M target behind a Haltpoint server.
end

define haltpoint connect
  if $argc > 0
    target extended-remote $arg0
  else
    target extended-remote 127.0.0.1:3333
  end
end
document haltpoint connect
Connect to a Haltpoint server: haltpoint connect [HOST:PORT]
Without an argument: 127.0.0.1:3333, where `haltpoint serve` listens.
end

# GDB cannot know that a monitor command changed the registers behind its back: it shall look again.
define hookpost-monitor
  maintenance flush register-cache
end

define haltpoint reset
  monitor reset halt
  frame
end
document haltpoint reset
Reset the target and halt it at its first instruction. Breakpoints stay.
end

define haltpoint load
  load
  compare-sections
  haltpoint reset
  tbreak main
  continue
end
document haltpoint load
Program the file GDB was started with, verify it, reset, and run to main.
end

define haltpoint restart
  haltpoint reset
  tbreak main
  continue
end
document haltpoint restart
Reset the target and run to main, without programming it.
end

define haltpoint faults
  set $hp_cfsr = *(unsigned int *) 0xe000ed28
  set $hp_hfsr = *(unsigned int *) 0xe000ed2c
  set $hp_dfsr = *(unsigned int *) 0xe000ed30
  set $hp_shcsr = *(unsigned int *) 0xe000ed24
  printf "CFSR  0x%08x", $hp_cfsr
  if $hp_cfsr & 0x00000001
    printf " IACCVIOL: fetched an instruction from where the MPU forbids it;"
  end
  if $hp_cfsr & 0x00000002
    printf " DACCVIOL: load or store that the MPU forbids;"
  end
  if $hp_cfsr & 0x00000008
    printf " MUNSTKERR: the MPU refused to restore registers on exception return;"
  end
  if $hp_cfsr & 0x00000010
    printf " MSTKERR: the MPU refused to save registers on exception entry;"
  end
  if $hp_cfsr & 0x00000100
    printf " IBUSERR: fetched an instruction from where nothing answers;"
  end
  if $hp_cfsr & 0x00000200
    printf " PRECISERR: load or store where nothing answers;"
  end
  if $hp_cfsr & 0x00000400
    printf " IMPRECISERR: an earlier buffered store failed;"
  end
  if $hp_cfsr & 0x00000800
    printf " UNSTKERR: the stack could not be read on exception return;"
  end
  if $hp_cfsr & 0x00001000
    printf " STKERR: the stack could not be written on exception entry (stack overflow?);"
  end
  if $hp_cfsr & 0x00010000
    printf " UNDEFINSTR: undefined instruction;"
  end
  if $hp_cfsr & 0x00020000
    printf " INVSTATE: branch to an even address, or a vector without its Thumb bit;"
  end
  if $hp_cfsr & 0x00040000
    printf " INVPC: exception return with an invalid value;"
  end
  if $hp_cfsr & 0x00080000
    printf " NOCP: coprocessor or FPU instruction without one, or not enabled;"
  end
  if $hp_cfsr & 0x01000000
    printf " UNALIGNED: unaligned access;"
  end
  if $hp_cfsr & 0x02000000
    printf " DIVBYZERO: division by zero;"
  end
  printf "\nHFSR  0x%08x", $hp_hfsr
  if $hp_hfsr & 0x00000002
    printf " VECTTBL: the vector table could not be read;"
  end
  if $hp_hfsr & 0x40000000
    printf " FORCED: a fault without an enabled handler of its own;"
  end
  if $hp_hfsr & 0x80000000
    printf " DEBUGEVT: breakpoint instruction while no debugger was attached;"
  end
  printf "\nDFSR  0x%08x  SHCSR 0x%08x\n", $hp_dfsr, $hp_shcsr
  if $hp_cfsr & 0x00000080
    printf "MMFAR 0x%08x is the address the MPU refused\n", *(unsigned int *) 0xe000ed34
  end
  if $hp_cfsr & 0x00008000
    printf "BFAR  0x%08x is the address where nothing answered\n", *(unsigned int *) 0xe000ed38
  end
  if ($xpsr & 0x1ff) == 0
    printf "The core is in thread mode: no exception is active.\n"
  else
    printf "The core is in exception %d. In the handler's first frame these were stacked:\n", $xpsr & 0x1ff
    if $lr & 4
      set $hp_frame = (unsigned int *) $psp
    else
      set $hp_frame = (unsigned int *) $msp
    end
    printf "  pc 0x%08x  lr 0x%08x  xpsr 0x%08x\n", $hp_frame[6], $hp_frame[5], $hp_frame[7]
    info symbol $hp_frame[6]
  end
end
document haltpoint faults
Show the fault registers in words, and where the fault happened.
end
