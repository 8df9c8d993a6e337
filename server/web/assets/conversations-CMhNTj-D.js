import{A as e,C as t,M as n,W as r,_ as i,i as a,n as o,o as s,r as c,s as l,t as u,u as d,w as f}from"./controls-BKuPYcN7.js";import{i as p}from"./session-q2BFhlHO.js";import{a as m,l as h,n as g,o as _}from"./chat-Cv0UEHnc.js";import{i as v,n as y,r as b,s as x,t as S}from"./data-D_Gjp5bc.js";var C=p(`
  query Conversations($after: String) {
    conversations(first: 50, after: $after) {
      edges { cursor node { id title updatedAt } }
      pageInfo { hasNextPage endCursor }
    }
  }
`),w=p(`
  mutation DeleteConversation($id: ID!) {
    deleteConversation(id: $id) { __typename ... on Error { message } }
  }
`),T=p(`
  mutation RenameConversation($input: RenameConversationInput!) {
    renameConversation(input: $input) {
      __typename
      ... on RenamedConversation { conversation { id title } }
      ... on Error { message }
    }
  }
`),E=p(`
    query Whole($id: ID!, $after: String) {
      conversation(id: $id) {
        id
        messages(first: 100, after: $after) { nodes { ...MessageFields } pageInfo { hasNextPage endCursor } }
      }
    }
  `,[h]);function D(){let i=n(null),p=n(``),h=n(null),_=n(null),{data:y,error:E,loading:D,reload:k}=x(C,{after:i.value}),A=p.value.trim().toLowerCase(),j=y?.conversations?.edges.map(({node:e})=>e).filter(e=>e?.title.toLowerCase().includes(A))??[],{hasNextPage:M,endCursor:N}=y?.conversations?.pageInfo??{},P=async({id:e})=>{_.value=null;let t=await v(w,{id:e});S(t?.deleteConversation)&&(g.peek().id.peek()===e&&m(null),k())};return d(`section`,{class:`page`,"aria-labelledby":`chats-title`,children:[d(`header`,{class:`page-head`,children:d(`h1`,{id:`chats-title`,children:e(`nav.chats`)})}),d(`div`,{class:`toolbar`,children:d(`input`,{type:`search`,"aria-label":e(`chats.find`),placeholder:e(`chats.find`),value:p.value,onInput:e=>p.value=e.currentTarget.value})}),E&&!y?.conversations&&d(c,{icon:`warn`,title:b(E),children:d(`button`,{type:`button`,onClick:k,children:e(`action.retry`)})}),D&&!y&&d(`div`,{class:`chat-state`,children:[d(l,{}),e(`state.loading`)]}),y?.conversations&&!j.length&&d(c,{icon:`history`,title:e(A?`chats.none_found`:`chats.empty`),children:!A&&d(`a`,{class:`button primary`,href:`/`,children:e(`nav.new`)})}),d(`ul`,{class:`conversations`,children:j.map((n,i)=>{let a=f(n.updatedAt);return d(r,{children:[(i===0||f(j[i-1].updatedAt)!==a)&&d(`li`,{class:`day`,role:`presentation`,children:d(`h2`,{children:a})}),d(`li`,{class:`conversation`,children:[d(`a`,{href:`/chats/${n.id}`,dir:`auto`,children:n.title}),d(`time`,{dateTime:n.updatedAt,children:t(n.updatedAt,{timeStyle:`short`})}),d(s,{label:e(`action.more`,{name:n.title}),choices:[{label:e(`action.rename`),icon:`edit`,act:()=>h.value=n},{label:e(`chats.export`),icon:`download`,act:()=>void O(n)},{label:e(`action.delete`),icon:`trash`,danger:!0,act:()=>_.value=n}]})]})]},n.id)})}),M&&d(`button`,{type:`button`,onClick:()=>i.value=N??null,children:e(`action.show_more`)}),_.value&&d(u,{title:e(`chats.delete_title`),text:e(`chats.delete_text`,{name:_.value.title}),action:e(`action.delete`),onYes:()=>void P(_.value),onNo:()=>_.value=null}),h.value&&d(o,{title:e(`action.rename`),onClose:()=>h.value=null,class:`small`,children:d(`form`,{onSubmit:async e=>{e.preventDefault();let t=String(new FormData(e.currentTarget).get(`title`)),n=await v(T,{input:{id:h.value.id,title:t}});S(n?.renameConversation)&&(h.value=null)},children:[d(a,{label:e(`chats.title`),name:`title`,defaultValue:h.value.title,required:!0,maxLength:200,dir:`auto`}),d(`footer`,{children:[d(`button`,{type:`button`,class:`quiet`,onClick:()=>h.value=null,children:e(`action.cancel`)}),d(`button`,{class:`primary`,children:e(`action.rename`)})]})]})})]})}async function O({id:e,title:t}){let n=[`# ${t}`],r=null;do{let t=await y.value.urql.query(E,{id:e,after:r},{requestPolicy:`network-only`}).toPromise(),a=t.data?.conversation?.messages;if(!a)return i(b(t.error),!0);for(let e of a.nodes)e.role===`USER`?n.push(`## ${e.text}`):n.push(_(e).replace(/\[\^(\d+)\]/g,`[^${n.length}-$1]`));r=a.pageInfo.hasNextPage?a.pageInfo.endCursor:null}while(r);let a=document.createElement(`a`);a.href=URL.createObjectURL(new Blob([n.join(`

`)],{type:`text/markdown`})),a.download=`${t.replace(/[\\/:*?"<>|]/g,` `).slice(0,80)}.md`,a.click(),setTimeout(()=>URL.revokeObjectURL(a.href),1e3)}export{D as Conversations};