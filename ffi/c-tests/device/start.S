/* Start-up of a Cortex-M program without a C library, and the two calls of the debugger (QEMU's semihosting) that it
 * needs. */
    .syntax unified
    .thumb

    .section .vectors, "a"
    .word   stack_top
    .word   reset
    /* Non-maskable interrupt and all faults: ends the emulation with an error. */
    .rept   14
    .word   fault
    .endr

    .text
    .thumb_func
    .global reset
reset:
#ifdef __ARM_FP
    /* Full access to the floating-point unit. */
    ldr     r0, =0xe000ed88
    ldr     r1, [r0]
    ldr     r2, =(0xf << 20)
    orrs    r1, r2
    str     r1, [r0]
    dsb
    isb
#endif
    /* There is no initialised data; the linker script sees to it. */
    ldr     r0, =bss_start
    ldr     r1, =bss_end
    movs    r2, #0
1:  cmp     r0, r1
    bhs     2f
    str     r2, [r0]
    adds    r0, #4
    b       1b
2:  bl      main
    bl      finish

    .thumb_func
fault:
    movs    r0, #255
    bl      finish

/* void print(const char *text): SYS_WRITE0 */
    .thumb_func
    .global print
print:
    mov     r1, r0
    movs    r0, #4
    bkpt    #0xab
    bx      lr

/* void finish(int status): SYS_EXIT_EXTENDED, "application exit" */
    .thumb_func
    .global finish
finish:
    sub     sp, #8
    str     r0, [sp, #4]
    ldr     r0, =0x20026
    str     r0, [sp]
    mov     r1, sp
    movs    r0, #0x20
    bkpt    #0xab
3:  b       3b
    .ltorg

/* What is run. */
    .section .model, "a"
    .balign 16
    .global blob_start, blob_end
blob_start:
    .incbin BLOB
blob_end:
    .section .rodata, "a"
    .balign 4
    .global input_start, input_end, expected_start, expected_end
input_start:
    .incbin INPUT
input_end:
    .balign 4
expected_start:
    .incbin EXPECTED
expected_end:
