@ Depthwise convolution, eight channels at a time. See lanes.rs for the arguments.
@ r0: channel; r1: activations; r2: weights; r3: rows; r4: bytes from tap to tap; r5: channels; r6: bytes from the
@ end of a row of taps to the next; r9: window; r10: outputs; r11: arguments; r12: pixels left
@ q4: sums of even channels; q5: of odd ones; q6 q7: clamps

    .syntax unified
    .thumb

    .equ L_INPUT, 0
    .equ L_ROWS, 4
    .equ L_COLUMNS, 8
    .equ L_TAP_BYTES, 12
    .equ L_CHANNELS, 16
    .equ L_SKIP, 20
    .equ L_PIXELS, 24
    .equ L_PIXEL_BYTES, 28
    .equ L_OUTPUT, 32
    .equ L_WEIGHTS, 36
    .equ L_BIAS, 40
    .equ L_WORDS, 44
    .equ L_WORD_MASK, 48
    .equ L_EXTRA, 52
    .equ L_BASE, 56
    .equ L_ZERO, 60
    .equ L_MIN, 64
    .equ L_MAX, 68

    .section .text.kinglet_helium_lanes, "ax", %progbits
    .p2align 2
    .global kinglet_helium_lanes
    .type kinglet_helium_lanes, %function
    .thumb_func
kinglet_helium_lanes:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d15}
    mov r11, r0
    ldr r9, [r11, #L_INPUT]
    ldrd r4, r5, [r11, #L_TAP_BYTES]
    ldrd r6, r12, [r11, #L_SKIP]
    ldr r10, [r11, #L_OUTPUT]
    ldrd r0, r1, [r11, #L_MIN]
    vdup.16 q6, r0
    vdup.16 q7, r1
1:  @ the next pixel
    movs r0, #0
2:  @ eight channels
    ldr r2, [r11, #L_WEIGHTS]
    ldrd r3, r7, [r11, #L_ROWS]
    vmov.i32 q4, #0
    add r1, r9, r0
    vmov.i32 q5, #0
    add r2, r2, r0
3:
    dls lr, r7
4:
    vldrb.s16 q0, [r1]
    vldrb.s16 q1, [r2]
    vmullb.s16 q2, q0, q1
    add r1, r1, r4
    vmullt.s16 q3, q0, q1
    add r2, r2, r5
    vadd.i32 q4, q4, q2
    vadd.i32 q5, q5, q3
    le lr, 4b
    add r1, r1, r6
    subs r3, #1
    bne 3b

    ldrd r1, r2, [r11, #L_BIAS]
    add r1, r1, r0, lsl #2
    vld20.32 {q0, q1}, [r1]
    vld21.32 {q0, q1}, [r1]
    vadd.i32 q4, q4, q0
    vadd.i32 q5, q5, q1
    ldrd r3, r7, [r11, #L_WORD_MASK]
    and r1, r0, r3
    add r2, r2, r1, lsl #2
    vld20.32 {q0, q1}, [r2]
    vld21.32 {q0, q1}, [r2]
    ldr r3, [r11, #L_BASE]
    vshr.u32 q2, q0, #30
    vshr.u32 q3, q1, #30
    vadd.i32 q2, q2, r3
    vadd.i32 q3, q3, r3
    cbnz r7, 6f
5:
    vbic.i32 q0, #0xC0000000
    vorr.i32 q0, #0x40000000
    vbic.i32 q1, #0xC0000000
    vorr.i32 q1, #0x40000000
    vqrdmulh.s32 q0, q4, q0
    vshr.s32 q4, q4, #31
    vadd.i32 q0, q0, q4
    vrshl.s32 q0, q0, q2
    vqrdmulh.s32 q1, q5, q1
    vshr.s32 q5, q5, #31
    vadd.i32 q1, q1, q5
    vrshl.s32 q1, q1, q3
    ldr r1, [r11, #L_ZERO]
    vqmovnb.s32 q0, q0
    vqmovnt.s32 q0, q1
    vqadd.s16 q0, q0, r1
    add r1, r10, r0
    vmax.s16 q0, q0, q6
    vmin.s16 q0, q0, q7
    vstrb.16 q0, [r1]
    adds r0, #8
    cmp r0, r5
    bhs 7f
    @ fewer than eight channels left: the last eight, some of them again
    sub r1, r5, #8
    cmp r0, r1
    it hi
    movhi r0, r1
    b 2b
6:
    add r7, r7, r1
    vldrb.u16 q0, [r7]
    vmovlb.u16 q1, q0
    vadd.i32 q2, q2, q1
    vmovlt.u16 q1, q0
    vadd.i32 q3, q3, q1
    vld20.32 {q0, q1}, [r2]
    vld21.32 {q0, q1}, [r2]
    b 5b
7:
    ldr r1, [r11, #L_PIXEL_BYTES]
    add r9, r9, r1
    add r10, r10, r5
    subs r12, #1
    bne 1b
    vpop {d8-d15}
    add sp, #4
    pop {r4-r11, pc}
    .size kinglet_helium_lanes, . - kinglet_helium_lanes
