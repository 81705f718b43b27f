@ Elementwise addition for Helium. See add.rs for the arguments.
@ r1 r2: operands; r3: output; r4-r6: offset, multiplier and shift of the scaled operand; r7: 2^19; r8: offset of the
@ sum; r9 r10: multiplier and shift of the sum; r11: zero point; q4: 2^20 or 2^21; q6 q7: clamps

    .syntax unified
    .thumb

    .section .text.kinglet_helium_add, "ax", %progbits
    .p2align 2
    .global kinglet_helium_add
    .type kinglet_helium_add, %function
    .thumb_func
kinglet_helium_add:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d15}
    ldm r0!, {r1-r4}
    vdup.32 q4, r1
    vdup.32 q6, r2
    vdup.32 q7, r3
    ldm r0, {r1-r3, r5-r11}
    wlstp.32 lr, r4, 2f
    ldr r4, [r0, #40]
1:
    vldrb.s32 q0, [r1], #4
    vmlas.s32 q0, q4, r4
    vldrb.s32 q2, [r2], #4
    vshr.s32 q1, q0, #31
    vqrdmlah.s32 q1, q0, r5
    vrshl.s32 q1, r6
    vmla.s32 q1, q2, r7
    vadd.i32 q1, q1, r8
    vshr.s32 q0, q1, #31
    vqrdmlah.s32 q0, q1, r9
    vrshl.s32 q0, r10
    vadd.i32 q0, q0, r11
    vmax.s32 q0, q0, q6
    vmin.s32 q0, q0, q7
    vstrb.32 q0, [r3], #4
    letp lr, 1b
2:
    vpop {d8-d15}
    add sp, #4
    pop {r4-r11, pc}
    .size kinglet_helium_add, . - kinglet_helium_add
