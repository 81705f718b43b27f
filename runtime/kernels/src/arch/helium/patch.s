@ Copying the windows of pixels next to each other in one row of the output.
@ r0: arguments, see patch.rs
@ r1: window; r2: patch; r3: rows; r5: bytes from window to window; r6: bytes from row to row; r7: bytes of a row;
@ r8: windows left; r9: bytes from row to row in a patch; r4, r10: row and its copy; r11: bytes from patch to patch

    .syntax unified
    .thumb

    .section .text.kinglet_helium_gather, "ax", %progbits
    .p2align 2
    .global kinglet_helium_gather
    .type kinglet_helium_gather, %function
    .thumb_func
kinglet_helium_gather:
    push {r4-r11, lr}
    ldm r0!, {r1-r3, r5}
    ldm r0, {r6-r9, r11}
    cmp r7, #16
    bhi 4f
    vctp.8 r7
1:  @ rows of at most a vector
    mov r4, r1
    mov r10, r2
    dls lr, r3
2:
    vpstt
    vldrbt.u8 q0, [r4]
    vstrbt.8 q0, [r10]
    add r4, r4, r6
    add r10, r10, r9
    le lr, 2b
    add r1, r1, r5
    add r2, r2, r11
    subs r8, #1
    bne 1b
    pop {r4-r11, pc}
4:
    mov r12, r3
    push {r1, r2}
5:
    mov r4, r1
    mov r10, r2
    wlstp.8 lr, r7, 7f
6:
    vldrb.u8 q0, [r4], #16
    vstrb.8 q0, [r10], #16
    letp lr, 6b
7:
    add r1, r1, r6
    add r2, r2, r9
    subs r12, #1
    bne 5b
    pop {r1, r2}
    add r1, r1, r5
    add r2, r2, r11
    subs r8, #1
    bne 4b
    pop {r4-r11, pc}
    .size kinglet_helium_gather, . - kinglet_helium_gather

@ r0: bytes, r1: how many, r2: value
    .section .text.kinglet_helium_fill, "ax", %progbits
    .p2align 2
    .global kinglet_helium_fill
    .type kinglet_helium_fill, %function
    .thumb_func
kinglet_helium_fill:
    push {r4, lr}
    vdup.8 q0, r2
    wlstp.8 lr, r1, 2f
1:
    vstrb.8 q0, [r0], #16
    letp lr, 1b
2:
    pop {r4, pc}
    .size kinglet_helium_fill, . - kinglet_helium_fill
