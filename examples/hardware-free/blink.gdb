# What must be true of the blink firmware. A check that fails ends GDB with status 1.
set pagination off

define expect
  if !($arg0)
    echo FAILED:
    echo $arg0
    echo \n
    quit 1
  end
end

monitor reset halt
maintenance flush register-cache
expect $pc==Reset_Handler

# The startup code has copied .data and zeroed .bss when main begins.
tbreak main
continue
expect factor==3
expect ticks==0

# Three rounds of the main loop: 0*3+1, 1*3+1, 2*3+1.
break wait_ms
continue
continue
continue
expect rounds==3
expect total==12
expect history[2]==7

# The LED is on port C, pin 13; it has been toggled three times.
expect (*(unsigned*)0x4001100c&0x2000)!=0

# SysTick counts milliseconds: the next round comes ten of them later.
set $before = ticks
continue
expect ticks-$before>=9&&ticks-$before<=11

printf "blink: all checks passed\n"
quit 0
