@ Macros of the output stage. See mod.rs for the method.

    .syntax unified
    .thumb

@ r1 = x * multiplier >> 21, for |x| below 2^20. r0 and r1: x; r3, r4, r5: the multiplier's lower 10, next 11 and
@ upper 10 bits; r6 is lost. The last instruction leaves the sign in N.
    .macro kinglet_narrow_product home
    muls r1, r3, r1
    asrs r1, r1, #10
    movs r6, r0
    muls r6, r4, r6
    adds r1, r1, r6
    asrs r1, r1, #11
    muls r0, r5, r0
    adds r1, r1, r0
    .endm

@ r1 = x * multiplier >> 24, for |x| below 2^23. r0 and r1: x, which also stands at [sp, \home]; r3 to r6: the
@ multiplier's bits from the lowest, 8, 8, 8 and 7.
    .macro kinglet_wide_product home
    muls r1, r3, r1
    asrs r1, r1, #8
    muls r0, r4, r0
    adds r1, r1, r0
    asrs r1, r1, #8
    ldr r0, [sp, #\home]
    muls r0, r5, r0
    adds r1, r1, r0
    asrs r1, r1, #8
    ldr r0, [sp, #\home]
    muls r0, r6, r0
    adds r1, r1, r0
    .endm

@ The output of the accumulator at [sp, \home], to [r7], which then moves by lr. r2: right shift, r8: rounding
@ constant with the zero point, \max: upper clamp, r9: lower clamp, which is the zero point: whatever is negative
@ becomes it.
    .macro kinglet_output_relu product, home, max
    ldr r0, [sp, #\home]
    movs r1, r0
    bmi 1f
    \product \home
    add r1, r8
    asrs r1, r1, r2
    cmp r1, \max
    ble 2f
    mov r1, \max
    b 2f
1:
    mov r1, r9
2:
    strb r1, [r7]
    add r7, lr
    .endm

@ The same for any clamp. r10: what is added when the accumulator is negative.
    .macro kinglet_output_any product, home, max
    ldr r0, [sp, #\home]
    movs r1, r0
    \product \home
    bpl 1f
    add r1, r10
1:
    add r1, r8
    asrs r1, r1, r2
    cmp r1, r9
    bge 2f
    mov r1, r9
2:
    cmp r1, \max
    ble 3f
    mov r1, \max
3:
    strb r1, [r7]
    add r7, lr
    .endm

@ The multiplier's bits of the word r0.
    .macro kinglet_narrow_digits
    lsls r3, r0, #22
    lsrs r3, r3, #22
    lsls r4, r0, #11
    lsrs r4, r4, #21
    lsls r5, r0, #2
    lsrs r5, r5, #23
    adds r5, #255
    adds r5, #255
    adds r5, #2
    .endm

    .macro kinglet_wide_digits
    uxtb r3, r0
    lsrs r4, r0, #8
    uxtb r4, r4
    lsrs r5, r0, #16
    uxtb r5, r5
    lsls r6, r0, #2
    lsrs r6, r6, #26
    adds r6, #64
    .endm
