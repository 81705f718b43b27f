@ One pixel, or one row of a fully connected layer, by blocks of four channels. See mod.rs for the method and
@ kernel.rs for the arguments.
@
@ r0 r2 r4 r6: sums of the channels; r1: weights; r3: activations; r12: their start; r7: steps; r8: biases;
@ r9: blocks; r10: words; r11: bytes from words to words; r5: output; q4 q5: clamps

    .syntax unified
    .thumb

    .section .text.kinglet_helium_vector, "ax", %progbits
    .p2align 2
    .global kinglet_helium_vector
    .type kinglet_helium_vector, %function
    .thumb_func
kinglet_helium_vector:
    push {r0, r4-r11, lr}
    vpush {d8-d11}
    ldrd r1, r2, [r0, #V_MASK]
    vmsr p0, r1
    vdup.32 q4, r2
    ldrd r2, r9, [r0, #V_MAX]
    vdup.32 q5, r2
    ldr r7, [r0, #V_MORE]
    ldr r12, [r0, #V_INPUT]
    ldr r5, [r0, #V_OUTPUT]
    ldrd r1, r8, [r0, #V_WEIGHTS]
    ldrd r10, r11, [r0, #V_WORDS]
    ldr r4, [r0, #V_EXTRA]
    push {r3, r4}
1:
    mov r3, r12
    vpst
    vldrbt.u8 q0, [r3], #16
    vldrb.u8 q1, [r1], #16
    vmladav.s8 r0, q0, q1
    vldrb.u8 q2, [r1], #16
    vmladav.s8 r2, q0, q2
    vldrb.u8 q1, [r1], #16
    vmladav.s8 r4, q0, q1
    vldrb.u8 q2, [r1], #16
    vmladav.s8 r6, q0, q2
    wls lr, r7, 3f
2:  @ 16 taps of four channels
    vldrb.u8 q0, [r3], #16
    vldrb.u8 q1, [r1], #16
    vmladava.s8 r0, q0, q1
    vldrb.u8 q2, [r1], #16
    vmladava.s8 r2, q0, q2
    vldrb.u8 q1, [r1], #16
    vmladava.s8 r4, q0, q1
    vldrb.u8 q2, [r1], #16
    vmladava.s8 r6, q0, q2
    le lr, 2b
3:
    vmov q0[2], q0[0], r0, r4
    vmov q0[3], q0[1], r2, r6
    vldrw.u32 q1, [r8], #16
    vadd.i32 q0, q0, q1
    vldrw.u32 q2, [r10]
    add r10, r10, r11
    ldr r3, [sp, #40]
    ldr r4, [sp, #4]
    ldr r0, [r3, #V_BASE]
    vshr.u32 q3, q2, #30
    vadd.i32 q3, q3, r0
    cbnz r4, 5f
4:
    ldr r0, [r3, #V_ZERO]
    vbic.i32 q2, #0xC0000000
    vorr.i32 q2, #0x40000000
    vshr.s32 q1, q0, #31
    vqrdmulh.s32 q0, q0, q2
    vadd.i32 q0, q0, q1
    vrshl.s32 q0, q0, q3
    vqadd.s32 q0, q0, r0
    vmax.s32 q0, q0, q4
    vmin.s32 q0, q0, q5
    vstrb.32 q0, [r5], #4
    subs r9, #1
    bne 1b
    add sp, #8
    vpop {d8-d11}
    pop {r0, r4-r11, pc}
5:
    vldrb.u32 q1, [r4], #4
    str r4, [sp, #4]
    vadd.i32 q3, q3, q1
    b 4b
    .size kinglet_helium_vector, . - kinglet_helium_vector
