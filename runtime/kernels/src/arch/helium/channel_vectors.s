@ Depthwise convolution, sixteen channels at a time. See channel_vectors.rs for the method and the arguments.
@ r0: channel; r1: activations; r2: weights; r3: rows; r4: bytes from tap to tap; r5: channels; r6: bytes from the
@ end of a row of taps to the next; r7: pairs of taps in a row; r8: not zero when one more is left over; r9: window;
@ r10: outputs; r11: arguments; r12: pixels left
@ q4-q7: sums of channels 0, 4, 8, 12; 1, 5, ...; 2, 6, ...; 3, 7, ...

    .syntax unified
    .thumb

    @ 16-bit products of even channels in q2 and of odd ones in q3, added to the sums
    .macro WIDEN
    vmovlb.s16 q0, q2
    vadd.i32 q4, q4, q0
    vmovlt.s16 q0, q2
    vadd.i32 q6, q6, q0
    vmovlb.s16 q0, q3
    vadd.i32 q5, q5, q0
    vmovlt.s16 q0, q3
    vadd.i32 q7, q7, q0
    .endm

    @ One tap
    .macro TAP
    vldrb.u8 q0, [r1]
    vldrb.u8 q1, [r2]
    vmullb.s8 q2, q0, q1
    vmullt.s8 q3, q0, q1
    add r1, r1, r4
    add r2, r2, r5
    .endm

    .section .text.kinglet_helium_channel_vectors, "ax", %progbits
    .p2align 2
    .global kinglet_helium_channel_vectors
    .type kinglet_helium_channel_vectors, %function
    .thumb_func
kinglet_helium_channel_vectors:
    push {r4-r11, lr}
    sub sp, #4
    vpush {d8-d15}
    sub sp, #64
    mov r11, r0
    ldr r9, [r11, #L_INPUT]
    ldrd r4, r5, [r11, #L_TAP_BYTES]
    ldrd r6, r12, [r11, #L_SKIP]
    ldr r10, [r11, #L_OUTPUT]
    ldr r8, [r11, #L_COLUMNS]
    lsr r7, r8, #1
    and r8, r8, #1
1:  @ the next pixel
    movs r0, #0
2:  @ sixteen channels
    ldr r2, [r11, #L_WEIGHTS]
    ldr r3, [r11, #L_ROWS]
    vmov.i32 q4, #0
    vmov.i32 q5, #0
    add r1, r9, r0
    vmov.i32 q6, #0
    vmov.i32 q7, #0
    add r2, r2, r0
3:
    wls lr, r7, 5f
4:  @ two taps; their products' sums fit 16 bits, because no weight is -128
    TAP
    vldrb.u8 q0, [r1]
    vldrb.u8 q1, [r2]
    vmullb.s8 q0, q0, q1
    vadd.i16 q2, q2, q0
    vldrb.u8 q0, [r1]
    vmullt.s8 q0, q0, q1
    vadd.i16 q3, q3, q0
    add r1, r1, r4
    add r2, r2, r5
    WIDEN
    le lr, 4b
5:
    cmp r8, #0
    beq 6f
    TAP
    WIDEN
6:
    add r1, r1, r6
    subs r3, #1
    bne 3b

    @ sums in the order of the channels
    vst40.32 {q4, q5, q6, q7}, [sp]
    vst41.32 {q4, q5, q6, q7}, [sp]
    vst42.32 {q4, q5, q6, q7}, [sp]
    vst43.32 {q4, q5, q6, q7}, [sp]
    ldrd r1, r2, [r11, #L_BIAS]
    add r1, r1, r0, lsl #2
    ldr r3, [r11, #L_WORD_MASK]
    and r3, r0, r3
    add r2, r2, r3, lsl #2
    push {r0, r4, r5, r7}
    ldrd r4, r7, [r11, #L_MIN]
    vdup.32 q6, r4
    vdup.32 q7, r7
    add r4, sp, #16
    add r5, r10, r0
    mov lr, #4
    dls lr, lr
7:
    vldrw.u32 q0, [r4], #16
    vldrw.u32 q1, [r1], #16
    vldrw.u32 q2, [r2], #16
    vadd.i32 q0, q0, q1
    ldrd r7, r0, [r11, #L_EXTRA]
    vshr.u32 q3, q2, #30
    vadd.i32 q3, q3, r0
    vbic.i32 q2, #0xC0000000
    vorr.i32 q2, #0x40000000
    vshr.s32 q1, q0, #31
    vqrdmulh.s32 q0, q0, q2
    vadd.i32 q0, q0, q1
    cbnz r7, 9f
8:
    ldr r0, [r11, #L_ZERO]
    vrshl.s32 q0, q0, q3
    vqadd.s32 q0, q0, r0
    vmax.s32 q0, q0, q6
    vmin.s32 q0, q0, q7
    vstrb.32 q0, [r5], #4
    le lr, 7b
    pop {r0, r4, r5, r7}
    adds r0, #16
    cmp r0, r5
    bhs 10f
    @ fewer than sixteen channels left: the last sixteen, some of them again
    sub r1, r5, #16
    cmp r0, r1
    it hi
    movhi r0, r1
    b 2b
9:
    @ extra shifts, as many as words
    add r7, r7, r3
    vldrb.u32 q1, [r7]
    adds r3, #4
    vadd.i32 q3, q3, q1
    b 8b
10:
    ldr r1, [r11, #L_PIXEL_BYTES]
    add r9, r9, r1
    add r10, r10, r5
    subs r12, #1
    bne.w 1b
    add sp, #64
    vpop {d8-d15}
    add sp, #4
    pop {r4-r11, pc}
    .size kinglet_helium_channel_vectors, . - kinglet_helium_channel_vectors
