@ Sums and maxima of windows, up to sixteen channels. r0: arguments, see pool.rs
@ r1: activations; r2: bytes from tap to tap; r3: columns; r4: rows; r5: bytes from the end of a row to the next;
@ r6: results; r7: channels left

    .syntax unified
    .thumb

    .section .text.kinglet_helium_sums, "ax", %progbits
    .p2align 2
    .global kinglet_helium_sums
    .type kinglet_helium_sums, %function
    .thumb_func
kinglet_helium_sums:
    push {r4-r9, lr}
    sub sp, #4
    ldm r0, {r1-r7}
1:  @ four channels
    vctp.32 r7
    vmov.i32 q0, #0
    mov r8, r1
    mov r9, r4
2:
    dls lr, r3
3:
    vpst
    vldrbt.s32 q1, [r1]
    vadd.i32 q0, q0, q1
    add r1, r1, r2
    le lr, 3b
    add r1, r1, r5
    subs r9, #1
    bne 2b
    vstrw.32 q0, [r6], #16
    add r1, r8, #4
    subs r7, #4
    bgt 1b
    add sp, #4
    pop {r4-r9, pc}
    .size kinglet_helium_sums, . - kinglet_helium_sums

    .section .text.kinglet_helium_maxima, "ax", %progbits
    .p2align 2
    .global kinglet_helium_maxima
    .type kinglet_helium_maxima, %function
    .thumb_func
kinglet_helium_maxima:
    push {r4-r7, lr}
    sub sp, #4
    ldm r0, {r1-r7}
    vctp.8 r7
    vmov.i8 q0, #0x80
1:
    dls lr, r3
2:
    vpst
    vldrbt.u8 q1, [r1]
    vmax.s8 q0, q0, q1
    add r1, r1, r2
    le lr, 2b
    add r1, r1, r5
    subs r4, #1
    bne 1b
    vstrb.8 q0, [r6]
    add sp, #4
    pop {r4-r7, pc}
    .size kinglet_helium_maxima, . - kinglet_helium_maxima
