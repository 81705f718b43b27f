@ Sums and maxima of windows, sixteen channels at a time. r0: arguments, see pool.rs
@ r1: activations; r2: bytes from tap to tap; r3: columns; r4: rows; r5: bytes from the end of a row to the next;
@ r6: results

    .syntax unified
    .thumb

    .section .text.kinglet_helium_sums, "ax", %progbits
    .p2align 2
    .global kinglet_helium_sums
    .type kinglet_helium_sums, %function
    .thumb_func
kinglet_helium_sums:
    push {r4-r6, lr}
    vpush {d8-d9}
    ldm r0, {r1-r6}
    vmov.i32 q0, #0
    vmov.i32 q1, #0
    vmov.i32 q2, #0
    vmov.i32 q3, #0
1:
    dls lr, r3
2:
    vldrb.s32 q4, [r1]
    vadd.i32 q0, q0, q4
    vldrb.s32 q4, [r1, #4]
    vadd.i32 q1, q1, q4
    vldrb.s32 q4, [r1, #8]
    vadd.i32 q2, q2, q4
    vldrb.s32 q4, [r1, #12]
    vadd.i32 q3, q3, q4
    add r1, r1, r2
    le lr, 2b
    add r1, r1, r5
    subs r4, #1
    bne 1b
    vstrw.32 q0, [r6]
    vstrw.32 q1, [r6, #16]
    vstrw.32 q2, [r6, #32]
    vstrw.32 q3, [r6, #48]
    vpop {d8-d9}
    pop {r4-r6, pc}
    .size kinglet_helium_sums, . - kinglet_helium_sums

    .section .text.kinglet_helium_maxima, "ax", %progbits
    .p2align 2
    .global kinglet_helium_maxima
    .type kinglet_helium_maxima, %function
    .thumb_func
kinglet_helium_maxima:
    push {r4-r6, lr}
    ldm r0, {r1-r6}
    vmov.i8 q0, #0x80
1:
    dls lr, r3
2:
    vldrb.u8 q1, [r1]
    vmax.s8 q0, q0, q1
    add r1, r1, r2
    le lr, 2b
    add r1, r1, r5
    subs r4, #1
    bne 1b
    vstrb.8 q0, [r6]
    pop {r4-r6, pc}
    .size kinglet_helium_maxima, . - kinglet_helium_maxima
